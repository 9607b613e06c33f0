// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// One change of a machine's metadata, one entry of the list that `PATCH /machines` takes.
    package struct MetadataPatch: Codable, Hashable, Sendable {
        /// `add`, `replace` or `remove`; the first two do the same.
        package var op: String
        /// `/<machine id>/metadata/<key>`.
        package var path: String
        /// The new value; empty for `remove`.
        package var value: String

        package init(op: String, path: String, value: String = "") {
            self.op = op
            self.path = path
            self.value = value
        }

        private enum CodingKeys: String, CodingKey {
            case op
            case path
            case value
        }

        /// How fleet's server wants a value, against its own documentation.
        private struct BoxedValue: Codable {
            var value: String
        }

        /// Reads both forms of a value: `"x"`, which fleet's documentation shows, and `{"value": "x"}`, which alone
        /// its server takes.
        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.op = try fields.decodeText(.op)
            self.path = try fields.decodeText(.path)
            guard fields.contains(.value), try !fields.decodeNil(forKey: .value) else {
                self.value = ""
                return
            }
            do {
                self.value = try fields.decode(String.self, forKey: .value)
            } catch DecodingError.typeMismatch {
                self.value = try fields.decode(BoxedValue.self, forKey: .value).value
            }
        }

        /// Writes the boxed form, since a server of fleet takes no other.
        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(op, forKey: .op)
            try fields.encode(path, forKey: .path)
            if !value.isEmpty { try fields.encode(BoxedValue(value: value), forKey: .value) }
        }
    }
}
