// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// All that one program can ask of a store through another that passes it on.
///
/// It is read from the body that etcd's gateway takes, field by field, and written anew for etcd. So nothing comes through that was
/// not understood: no field that etcd knows and this list does not, and no transaction within another.
package enum StoreRequest: Hashable, Sendable {
    case range(KeySelector, limit: Int64, revision: Int64, keysOnly: Bool)
    case transaction(Transaction)
    /// `id` is the gate's to choose; `.none` leaves it to etcd.
    case grant(ttl: Int64, id: LeaseID)
    case keepAlive(LeaseID)
    case revoke(LeaseID)
    case watch(KeySelector, from: Int64, inFragments: Bool)
    case status
    case members

    /// The paths of etcd's gateway for which there are requests.
    package enum Path: String, CaseIterable, Sendable {
        case range = "/v3/kv/range"
        case transaction = "/v3/kv/txn"
        case grant = "/v3/lease/grant"
        case keepAlive = "/v3/lease/keepalive"
        case revoke = "/v3/lease/revoke"
        case watch = "/v3/watch"
        case status = "/v3/maintenance/status"
        case members = "/v3/cluster/member/list"
    }

    /// Reads the body of a request.
    ///
    /// - Throws: `.invalidRequest` for anything but one whole request of that path.
    package init(_ path: Path, body: [UInt8]) throws(EtcdError) {
        do throws(JSONError) {
            var reader = JSONReader(body)
            guard reader.peek() == UInt8(ascii: "{") else { throw JSONError(offset: 0, expected: "an object") }
            self = try Self.read(path, from: &reader)
            guard reader.peek() == nil else { throw JSONError(offset: reader.position, expected: "the end") }
        } catch {
            throw EtcdError(
                code: .invalidRequest,
                message: "the gate takes no such request at \(path.rawValue): at byte \(error.offset) there should be "
                    + error.expected, isTransient: false, mayHaveHappened: false)
        }
    }

    /// The leases that it names, each once and in their order: it renews or ends them, or hangs keys on them.
    package var leases: [LeaseID] {
        switch self {
        case .keepAlive(let lease), .revoke(let lease): return [lease]
        case .transaction(let transaction):
            var found: [LeaseID] = []
            for case .put(_, _, let lease) in transaction.then + transaction.otherwise
            where lease != .none && !found.contains(lease) { found.append(lease) }
            return found
        default: return []
        }
    }
}

// MARK: Reading

extension StoreRequest {
    private static func read(_ path: Path, from reader: inout JSONReader) throws(JSONError) -> StoreRequest {
        switch path {
        case .range: try range(from: &reader)
        case .transaction: .transaction(try transaction(from: &reader))
        case .grant: .grant(ttl: try number("TTL", from: &reader), id: .none)
        case .keepAlive: .keepAlive(LeaseID(try number("ID", from: &reader)))
        case .revoke: .revoke(LeaseID(try number("ID", from: &reader)))
        case .watch: try watch(from: &reader)
        case .status: try nothing(.status, from: &reader)
        case .members: try nothing(.members, from: &reader)
        }
    }

    private static func nothing(
        _ request: StoreRequest, from reader: inout JSONReader
    ) throws(JSONError) -> StoreRequest {
        try reader.object { (name, reader) throws(JSONError) in throw .unknown(name, reader) }
        return request
    }

    private static func range(from reader: inout JSONReader) throws(JSONError) -> StoreRequest {
        var keys = KeyFields()
        var limit: Int64 = 0
        var revision: Int64 = 0
        var keysOnly = false
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "limit": limit = try reader.integer()
            case "revision": revision = try reader.integer()
            case "keys_only": keysOnly = try reader.bool()
            default: try keys.read(name, from: &reader)
            }
        }
        return .range(try keys.selector(), limit: limit, revision: revision, keysOnly: keysOnly)
    }

    private static func watch(from reader: inout JSONReader) throws(JSONError) -> StoreRequest {
        var keys = KeyFields()
        var revision: Int64 = 0
        var inFragments = false
        try reader.object { (name, reader) throws(JSONError) in
            guard name == "create_request" else { throw .unknown(name, reader) }
            try reader.object { (name, reader) throws(JSONError) in
                switch name {
                case "start_revision": revision = try reader.integer()
                case "fragment": inFragments = try reader.bool()
                // Always asked for.
                case "progress_notify": _ = try reader.bool()
                default: try keys.read(name, from: &reader)
                }
            }
        }
        return .watch(try keys.selector(), from: revision, inFragments: inFragments)
    }

    private static func number(_ wanted: String, from reader: inout JSONReader) throws(JSONError) -> Int64 {
        var number: Int64 = 0
        try reader.object { (name, reader) throws(JSONError) in
            guard name == wanted else { throw .unknown(name, reader) }
            number = try reader.integer()
        }
        guard number != 0 else { throw JSONError(offset: reader.position, expected: "a number \(wanted)") }
        return number
    }

    private static func transaction(from reader: inout JSONReader) throws(JSONError) -> Transaction {
        var transaction = Transaction(then: [])
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "compare":
                try reader.array { (reader) throws(JSONError) in
                    transaction.comparisons.append(try comparison(from: &reader))
                }
            case "success":
                try reader.array { (reader) throws(JSONError) in
                    transaction.then.append(try operation(from: &reader))
                }
            case "failure":
                try reader.array { (reader) throws(JSONError) in
                    transaction.otherwise.append(try operation(from: &reader))
                }
            default: throw .unknown(name, reader)
            }
        }
        let counts = [transaction.comparisons.count, transaction.then.count, transaction.otherwise.count]
        guard counts.allSatisfy({ $0 <= Transaction.operationLimit }) else {
            throw JSONError(offset: reader.position, expected: "at most \(Transaction.operationLimit) of each")
        }
        return transaction
    }

    private static func operation(from reader: inout JSONReader) throws(JSONError) -> Operation {
        var found: [Operation] = []
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "request_put": found.append(try put(from: &reader))
            case "request_delete_range": found.append(.delete(try keys(from: &reader)))
            case "request_range": found.append(.get(try keys(from: &reader)))
            case "request_txn": throw JSONError(offset: reader.position, expected: "no transaction within another")
            default: throw .unknown(name, reader)
            }
        }
        guard let operation = found.first, found.count == 1 else {
            throw JSONError(offset: reader.position, expected: "one operation")
        }
        return operation
    }

    private static func keys(from reader: inout JSONReader) throws(JSONError) -> KeySelector {
        var keys = KeyFields()
        try reader.object { (name, reader) throws(JSONError) in try keys.read(name, from: &reader) }
        return try keys.selector()
    }

    private static func put(from reader: inout JSONReader) throws(JSONError) -> Operation {
        var key: [UInt8] = []
        var value: [UInt8] = []
        var lease = LeaseID.none
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "key": key = try reader.data()
            case "value": value = try reader.data()
            case "lease": lease = LeaseID(try reader.integer())
            default: throw .unknown(name, reader)
            }
        }
        return .put(key: try KeyFields.text(key), value: value, lease: lease)
    }

    private static func comparison(from reader: inout JSONReader) throws(JSONError) -> Comparison {
        var key: [UInt8] = []
        var (relation, target) = ("EQUAL", "VERSION")
        var value: [UInt8] = []
        var (version, created, changed): (Int64, Int64, Int64) = (0, 0, 0)
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "key": key = try reader.data()
            case "result": relation = try reader.string()
            case "target": target = try reader.string()
            case "value": value = try reader.data()
            case "version": version = try reader.integer()
            case "create_revision": created = try reader.integer()
            case "mod_revision": changed = try reader.integer()
            default: throw .unknown(name, reader)
            }
        }
        let relations: [String: Comparison.Relation] = [
            "EQUAL": .equal, "NOT_EQUAL": .notEqual, "LESS": .less, "GREATER": .greater,
        ]
        let operands: [String: Comparison.Operand] = [
            "VALUE": .value(value), "VERSION": .version(version), "CREATE": .createRevision(created),
            "MOD": .modRevision(changed),
        ]
        guard let known = relations[relation], let operand = operands[target] else {
            throw JSONError(offset: reader.position, expected: "a comparison of etcd's")
        }
        return Comparison(try KeyFields.text(key), known, operand)
    }
}

extension JSONError {
    fileprivate static func unknown(_ name: String, _ reader: JSONReader) -> JSONError {
        JSONError(offset: reader.position, expected: "no field '\(name.prefix(40))'")
    }
}

/// Key and end of a run of keys, as requests have them.
private struct KeyFields {
    private var key: [UInt8] = []
    private var end: [UInt8] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "key": key = try reader.data()
        case "range_end": end = try reader.data()
        default: throw .unknown(name, reader)
        }
    }

    func selector() throws(JSONError) -> KeySelector {
        let first = try Self.text(key)
        guard !end.isEmpty else { return .key(first) }
        // A lone zero byte means "to the last key", which nobody may who asks here; of an empty run etcd refuses a watch as if it ailed.
        guard end != [0], key.lexicographicallyPrecedes(end) else {
            throw JSONError(offset: 0, expected: "an end after the first key")
        }
        return .range(first, before: try Self.text(end))
    }

    /// The longest key in bytes; none of ours comes near it.
    private static let longest = 1024

    /// A key as text; every key of ours is one.
    static func text(_ bytes: [UInt8]) throws(JSONError) -> String {
        guard (1...longest).contains(bytes.count), let text = String(validating: bytes, as: UTF8.self) else {
            throw JSONError(offset: 0, expected: "a key in UTF-8 of at most \(longest) bytes")
        }
        return text
    }
}

// MARK: Writing

extension StoreRequest {
    /// The request as this client sends it to etcd; of its answer only who asked wants to know anything.
    var call: Call {
        func call(
            _ path: Path, _ what: String, isRepeatable: Bool = true, needsLeader: Bool = true, needsLogin: Bool = true,
            _ body: [UInt8]
        ) -> Call {
            Call(
                path: path.rawValue, body: body, what: what, isRepeatable: isRepeatable, isLinearizable: false,
                needsLeader: needsLeader, needsLogin: needsLogin, hasHeader: false)
        }
        switch self {
        case .range(let keys, let limit, let revision, let keysOnly):
            return call(
                .range, "read \(keys)",
                JSONWriter.object {
                    $0.range(start: keys.range.start, end: keys.range.end)
                    if limit != 0 { $0.integer("limit", limit) }
                    if revision != 0 { $0.integer("revision", revision) }
                    if keysOnly { $0.bool("keys_only", true) }
                })
        case .transaction(let transaction):
            return call(
                .transaction, "commit a transaction", isRepeatable: transaction.isReadOnly, transaction.requestBody)
        case .grant(let ttl, let id):
            // A second grant of the same lease is refused, though the first may be what made it.
            return call(
                .grant, "get a lease of \(ttl) s", isRepeatable: id == .none,
                JSONWriter.object {
                    $0.integer("TTL", ttl)
                    if id != .none { $0.integer("ID", id.rawValue) }
                })
        case .keepAlive(let lease):
            // As in the client's own: to wait for a login could cost the lease.
            return call(
                .keepAlive, "renew lease \(lease)", needsLogin: false,
                JSONWriter.object { $0.integer("ID", lease.rawValue) })
        case .revoke(let lease):
            return call(.revoke, "end lease \(lease)", JSONWriter.object { $0.integer("ID", lease.rawValue) })
        case .watch(let keys, let revision, let inFragments):
            return call(
                .watch, "watch \(keys)",
                JSONWriter.object { writer in
                    writer.object("create_request") {
                        $0.range(start: keys.range.start, end: keys.range.end)
                        if revision != 0 { $0.integer("start_revision", revision) }
                        $0.bool("progress_notify", true)
                        $0.bool("fragment", inFragments)
                    }
                })
        case .status:
            return call(.status, "ask how etcd is", needsLeader: false, JSONWriter.object { _ in })
        case .members:
            return call(.members, "list etcd's members", needsLeader: false, JSONWriter.object { _ in })
        }
    }
}
