// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A value of the API's document.
indirect enum DocumentValue: Encodable, Sendable, ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    case text(String)
    case flag(Bool)
    case list([DocumentValue])
    case object([String: DocumentValue])

    init(stringLiteral value: String) { self = .text(value) }

    init(dictionaryLiteral elements: (String, DocumentValue)...) {
        self = .object(Dictionary(uniqueKeysWithValues: elements))
    }

    static func texts(_ texts: [String]) -> DocumentValue { .list(texts.map { .text($0) }) }

    /// A place elsewhere in the document.
    static func reference(_ kind: String, _ name: String) -> DocumentValue {
        ["$ref": .text("#/components/\(kind)/\(name)")]
    }

    /// The same object with another member; anything else stays as it is.
    func with(_ name: String, _ value: DocumentValue) -> DocumentValue {
        guard case .object(var members) = self else { return self }
        members[name] = value
        return .object(members)
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .text(let text):
            var value = encoder.singleValueContainer()
            try value.encode(text)
        case .flag(let flag):
            var value = encoder.singleValueContainer()
            try value.encode(flag)
        case .list(let list):
            var value = encoder.singleValueContainer()
            try value.encode(list)
        case .object(let members):
            var value = encoder.singleValueContainer()
            try value.encode(members)
        }
    }

    /// In JSON, a member a line, sorted, so that two of the same version are the same text.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }
}
