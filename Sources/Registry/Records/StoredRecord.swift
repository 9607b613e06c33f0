// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What one kind of key holds: a JSON object of which we know some fields.
package protocol StoredRecord: Hashable, Sendable {
    /// Takes the fields that it knows from `object`.
    init(_ object: JSONObject) throws(RecordError)

    /// Sets the fields that it knows in `object` and leaves all others as they are.
    func write(to object: inout JSONObject)
}

/// Why a value is not the record that its key promises.
package struct RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    package var reason: String

    package init(_ reason: String) { self.reason = reason }

    static let unknownKey = RecordError("this version knows no such key; a newer one may have written it")

    package var description: String { reason }
}

/// The largest value of a record, in bytes: a machine may write some of them by itself, and everybody reads them.
package let recordSizeLimit = 64 << 10

extension StoredRecord {
    package init(bytes: [UInt8]) throws(RecordError) {
        guard bytes.count <= recordSizeLimit else {
            throw RecordError("the value has \(bytes.count) bytes, and a record has at most \(recordSizeLimit)")
        }
        try self.init(JSONObject(bytes: bytes))
    }

    /// The value to store.
    package var bytes: [UInt8] {
        var object = JSONObject()
        write(to: &object)
        return JSONValue.object(object).bytes
    }

    /// The value to store in place of `previous`, with the fields of `previous` that we do not know.
    package func bytes(replacing previous: [UInt8]) throws(RecordError) -> [UInt8] {
        var object = try JSONObject(bytes: previous)
        write(to: &object)
        return JSONValue.object(object).bytes
    }
}

extension JSONObject {
    package init(bytes: [UInt8]) throws(RecordError) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw RecordError(error.description)
        }
        guard case .object(let object) = value else { throw RecordError("the value is not a JSON object") }
        self = object
    }

    /// The text of a field; `nil` when the field is missing or null.
    package func text(_ name: String) throws(RecordError) -> String? {
        switch self[name] {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw RecordError("field \(name) is not a text")
        }
    }

    /// The whole number of a field; `nil` when the field is missing or null.
    package func integer<Number: FixedWidthInteger>(_ name: String, as type: Number.Type) throws(RecordError) -> Number?
    {
        switch self[name] {
        case nil, .null: return nil
        case .number(let digits):
            guard let number = Number(digits) else {
                throw RecordError("field \(name) is \(digits), not a whole number in range")
            }
            return number
        default: throw RecordError("field \(name) is not a number")
        }
    }

    /// The object of a field; `nil` when the field is missing or null.
    package func object(_ name: String) throws(RecordError) -> JSONObject? {
        switch self[name] {
        case nil, .null: return nil
        case .object(let object): return object
        default: throw RecordError("field \(name) is not an object")
        }
    }

    /// What `parse` makes of the text of a field that must be there.
    package func required<Value>(
        _ name: String, _ meaning: StaticString, _ parse: (String) -> Value?
    ) throws(RecordError) -> Value {
        guard let text = try text(name) else { throw RecordError("field \(name) is missing") }
        guard let value = parse(text) else { throw RecordError("field \(name) is not \(meaning)") }
        return value
    }
}
