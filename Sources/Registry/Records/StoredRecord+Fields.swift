// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    static func labels(_ labels: [String: String]) -> JSONValue {
        .object(
            JSONObject(
                labels.sorted { $0.key < $1.key }.map { JSONObject.Field(name: $0.key, value: .string($0.value)) }))
    }
}

extension JSONObject {
    /// A field that says when; it must be there.
    func moment(_ name: String) throws(RecordError) -> Int64 {
        guard let moment = try integer(name, as: Int64.self) else { throw RecordError("field \(name) is missing") }
        return moment
    }

    /// A field that is a list of texts; empty when missing or null.
    func texts(_ name: String) throws(RecordError) -> [String] {
        switch self[name] {
        case nil, .null: return []
        case .array(let elements):
            var texts: [String] = []
            for element in elements {
                guard case .string(let text) = element else {
                    throw RecordError("field \(name) holds a value that is not a text")
                }
                texts.append(text)
            }
            return texts
        default: throw RecordError("field \(name) is not a list")
        }
    }

    /// A field that is an object of texts; empty when missing or null.
    func labels(_ name: String) throws(RecordError) -> [String: String] {
        var labels: [String: String] = [:]
        for field in try object(name)?.fields ?? [] {
            guard case .string(let text) = field.value else {
                throw RecordError("field \(name) holds a value that is not a text")
            }
            labels[field.name] = text
        }
        return labels
    }

    /// The field `name`; one that is missing is false.
    func flag(_ name: String) throws(RecordError) -> Bool {
        switch self[name] {
        case .bool(let value): return value
        case nil, .null: return false
        default: throw RecordError("field \(name) is neither true nor false")
        }
    }
}
