// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Bodies on fleet's paths, read as fleet's server reads them.
enum FleetJSON {
    /// The members that those bodies have.
    private static let members = [
        "name", "options", "desiredState", "currentState", "machineID", "contents", "restarts", "reason", "section",
        "value", "op", "path",
    ]

    private static let byLowerCase = Dictionary(uniqueKeysWithValues: members.map { ($0.lowercased(), $0) })

    /// Takes a member's name in any case, as Go's decoder does: `DesiredState` is `desiredState`.
    ///
    /// Of a member given twice the first counts, where Go takes the last: Foundation keeps the first, and the strategy sees
    /// one name at a time.
    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path[path.count - 1]
            guard let name = byLowerCase[key.stringValue.lowercased()] else { return key }
            return Member(stringValue: name)
        }
        return decoder
    }

    private struct Member: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
