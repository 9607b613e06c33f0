// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// Bodies of the requests to etcd's JSON gateway. Field names are those of etcd's protocol buffers (api/etcdserverpb/rpc.proto).

extension KeySelector {
    /// First key of the run, and the key after its last; no end means the one key.
    var range: (start: [UInt8], end: [UInt8]?) {
        switch self {
        case .key(let key): return (Array(key.utf8), nil)
        case .range(let first, let last): return (Array(first.utf8), Array(last.utf8))
        case .prefix(let prefix):
            // A lone zero byte means "from the first key" and "to the last key".
            guard !prefix.isEmpty else { return ([0], [0]) }
            var end = Array(prefix.utf8)
            while let last = end.popLast() {
                if last < 0xFF {
                    end.append(last + 1)
                    return (Array(prefix.utf8), end)
                }
            }
            return (Array(prefix.utf8), [0])
        }
    }
}

extension JSONWriter {
    mutating func range(start: [UInt8], end: [UInt8]?) {
        data("key", start)
        if let end { data("range_end", end) }
    }

    mutating func operation(_ operation: Operation) {
        switch operation {
        case .put(let key, let value, let lease):
            object("request_put") { $0.put(key: key, value: value, lease: lease) }
        case .delete(let selector):
            object("request_delete_range") { $0.range(start: selector.range.start, end: selector.range.end) }
        case .get(let selector):
            object("request_range") { $0.range(start: selector.range.start, end: selector.range.end) }
        }
    }

    mutating func put(key: String, value: [UInt8], lease: LeaseID) {
        data("key", key.utf8)
        data("value", value)
        if lease != .none { integer("lease", lease.rawValue) }
    }

    mutating func comparison(_ comparison: Comparison) {
        data("key", comparison.key.utf8)
        switch comparison.relation {
        case .equal: string("result", "EQUAL")
        case .notEqual: string("result", "NOT_EQUAL")
        case .less: string("result", "LESS")
        case .greater: string("result", "GREATER")
        }
        switch comparison.operand {
        case .value(let value):
            string("target", "VALUE")
            data("value", value)
        case .version(let version):
            string("target", "VERSION")
            integer("version", version)
        case .createRevision(let revision):
            string("target", "CREATE")
            integer("create_revision", revision)
        case .modRevision(let revision):
            string("target", "MOD")
            integer("mod_revision", revision)
        }
    }
}

extension Transaction {
    var requestBody: [UInt8] {
        JSONWriter.object { writer in
            writer.array("compare", of: comparisons) { $0.comparison($1) }
            writer.array("success", of: then) { $0.operation($1) }
            writer.array("failure", of: otherwise) { $0.operation($1) }
        }
    }

    /// Whether it only reads, so that doing it twice does no harm.
    var isReadOnly: Bool {
        (then + otherwise).allSatisfy { if case .get = $0 { true } else { false } }
    }
}
