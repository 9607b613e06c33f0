// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A JSON text as a value that loses nothing: fields keep their order, numbers keep their digits.
///
/// The registry rewrites records that a newer version may have written with fields we do not know, so it must carry
/// them along unchanged; coders that map to fixed types drop them. It also decodes several hundred thousand small
/// records when it starts to follow a large cluster: Foundation's decoder does 70,000 such records a second here.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// The digits as they were written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    package static func number(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }
}

/// The fields of a JSON object in the order in which they were written.
package struct JSONObject: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var fields: [Field]

    package init(_ fields: [Field] = []) { self.fields = fields }

    /// The value of a field; of several fields with one name the last counts, as most readers of JSON have it.
    ///
    /// Setting a field keeps its place, or adds it at the end; setting `nil` removes it.
    package subscript(name: String) -> JSONValue? {
        get { fields.last { $0.name == name }?.value }
        set {
            guard let newValue else {
                fields.removeAll { $0.name == name }
                return
            }
            guard let place = fields.lastIndex(where: { $0.name == name }) else {
                fields.append(Field(name: name, value: newValue))
                return
            }
            fields[place].value = newValue
        }
    }
}
