// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What goes over the wire of the HTTP API, in both directions.
///
/// The entities are those of fleet's API v1, field by field, so that fleet's own client can talk to us; what we add are
/// fields that fleet's client ignores. Two rules of fleet hold for all of them: a field whose value is empty is left
/// out, and a field that is left out, null or empty means the same.
///
/// They live in a namespace because the core has types of the same names, with other meanings: `API.UnitState` is text on
/// its way to a client, `UnitState` is what the store holds.
package enum API {
    /// Of which moment an answer is while etcd does not confirm it, as RFC 3339 writes it; an answer without is of now.
    package static let asOfHeader = "X-Flotilla-As-Of"

    /// The prefix of every path of this version; fleet's older `/v1-alpha` is served too.
    package static let prefix = "/fleet/v1"

    /// How many entries a page of a listing has, as in fleet's default.
    package static let pageSize: UInt16 = 100
}

extension KeyedEncodingContainer {
    /// Writes `value` unless it is missing or empty.
    mutating func encodeUnlessEmpty(_ value: String?, forKey key: Key) throws {
        guard let value, !value.isEmpty else { return }
        try encode(value, forKey: key)
    }

    /// Writes `value` unless it is missing or empty.
    mutating func encodeUnlessEmpty(_ value: [some Encodable], forKey key: Key) throws {
        guard !value.isEmpty else { return }
        try encode(value, forKey: key)
    }

    /// Writes `value` unless it is missing or zero.
    mutating func encodeUnlessZero(_ value: some BinaryInteger & Encodable, forKey key: Key) throws {
        guard value != 0 else { return }
        try encode(value, forKey: key)
    }
}

extension KeyedDecodingContainer {
    /// The text under `key`; empty when it is missing or null.
    func decodeText(_ key: Key) throws -> String { try decodeIfPresent(String.self, forKey: key) ?? "" }

    /// The text under `key`; `nil` when it is missing, null or empty.
    func decodeOptionalText(_ key: Key) throws -> String? {
        let text = try decodeText(key)
        return text.isEmpty ? nil : text
    }
}
