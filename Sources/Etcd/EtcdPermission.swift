// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a role may do with some keys.
package struct EtcdPermission: Hashable, Sendable {
    package enum Access: String, Hashable, Sendable {
        case read = "READ"
        case write = "WRITE"
        case readWrite = "READWRITE"
    }

    package var access: Access
    /// First key of the run.
    package var start: [UInt8]
    /// The key after the last one; `nil` for one key, a lone zero byte for "to the end".
    package var end: [UInt8]?

    package init(_ access: Access, _ keys: KeySelector) {
        self.access = access
        (start, end) = keys.range
    }

    init(access: Access, start: [UInt8], end: [UInt8]?) {
        self.access = access
        self.start = start
        self.end = end
    }

    /// Whether all of `keys` are among those that it is about.
    package func covers(_ keys: KeySelector) -> Bool {
        let (first, last) = keys.range
        guard let end else { return last == nil && first == start }
        guard !first.lexicographicallyPrecedes(start) else { return false }
        if end == [0] { return true }
        guard let last else { return first.lexicographicallyPrecedes(end) }
        return last != [0] && !end.lexicographicallyPrecedes(last)
    }

    package var mayRead: Bool { access != .write }
    package var mayWrite: Bool { access != .read }

    init(from reader: inout JSONReader) throws(JSONError) {
        // The gateway leaves out a field at its zero value, which for the type is READ.
        self.init(access: .read, start: [], end: nil)
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "permType":
                let text = try reader.string()
                guard let access = Access(rawValue: text) else {
                    throw JSONError(offset: reader.position, expected: "READ, WRITE or READWRITE")
                }
                self.access = access
            case "key": start = try reader.data()
            case "range_end":
                let bytes = try reader.data()
                end = bytes.isEmpty ? nil : bytes
            default: try reader.skip()
            }
        }
    }
}

/// Answer to questions after users and roles.
struct AuthAnswer: Answer {
    var header = AnswerHeader()
    var names: [String] = []
    var permissions: [EtcdPermission] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "users", "roles":
            try reader.array { (reader) throws(JSONError) in names.append(try reader.string()) }
        case "perm":
            try reader.array { (reader) throws(JSONError) in
                permissions.append(try EtcdPermission(from: &reader))
            }
        default: try reader.skip()
        }
    }
}
