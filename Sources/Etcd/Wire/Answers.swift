// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// Answers of etcd's JSON gateway. A field at its zero value is left out, so each has a default.

/// What every answer says about who gave it.
struct AnswerHeader: Hashable, Sendable {
    var clusterID: UInt64 = 0
    var memberID: UInt64 = 0
    /// The store's revision at the member that answered.
    var revision: Int64 = 0

    init() {}

    init(from reader: inout JSONReader) throws(JSONError) {
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "cluster_id": clusterID = try reader.integer()
            case "member_id": memberID = try reader.integer()
            case "revision": revision = try reader.integer()
            default: try reader.skip()
            }
        }
    }
}

/// A message that can be read from an answer's body.
protocol Answer {
    init()
    var header: AnswerHeader { get set }
    /// A refusal that came in place of the message, although the HTTP status was 200.
    var refusal: Refusal? { get }
    /// Reads a body that is this message and nothing else.
    init(_ body: [UInt8]) throws(JSONError)
    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError)
}

extension Answer {
    var refusal: Refusal? { nil }

    init(from reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.object { (name, reader) throws(JSONError) in
            if name == "header" {
                header = try AnswerHeader(from: &reader)
            } else {
                try read(name, from: &reader)
            }
        }
    }

    init(_ body: [UInt8]) throws(JSONError) {
        var reader = JSONReader(body)
        guard reader.peek() == UInt8(ascii: "{") else { throw JSONError(offset: 0, expected: "an object") }
        try self.init(from: &reader)
        guard reader.peek() == nil else { throw JSONError(offset: reader.position, expected: "the end") }
    }
}

/// A message of a streaming call, which the gateway wraps in `result`, or in `error` when there is none.
struct Streamed<Message: Answer>: Answer {
    var message = Message()
    var refusal: Refusal?
    var header: AnswerHeader {
        get { message.header }
        set { message.header = newValue }
    }

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "result": message = try Message(from: &reader)
        case "error": refusal = try Refusal(from: &reader)
        default: try reader.skip()
        }
    }
}

/// An answer of which only the header matters.
struct PlainAnswer: Answer {
    var header = AnswerHeader()

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) { try reader.skip() }
}

struct RangeAnswer: Answer {
    var header = AnswerHeader()
    var keys: [KeyValue] = []
    var more = false
    /// The last key as bytes; a key that is not UTF-8 cannot be told from its text.
    var lastKey: [UInt8] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "kvs":
            try reader.array { (reader) throws(JSONError) in keys.append(try KeyValue(from: &reader, key: &lastKey)) }
        case "more": more = try reader.bool()
        default: try reader.skip()
        }
    }
}

extension KeyValue {
    init(from reader: inout JSONReader, key bytes: inout [UInt8]) throws(JSONError) {
        self.init(key: "", value: [], createRevision: 0, modRevision: 0, version: 0)
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "key":
                bytes = try reader.data()
                key = String(decoding: bytes, as: UTF8.self)
            case "value": value = try reader.data()
            case "create_revision": createRevision = try reader.integer()
            case "mod_revision": modRevision = try reader.integer()
            case "version": version = try reader.integer()
            case "lease": lease = LeaseID(try reader.integer())
            default: try reader.skip()
            }
        }
    }
}

struct DeleteAnswer: Answer {
    var header = AnswerHeader()
    var deleted = 0

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        if name == "deleted" { deleted = try reader.integer() } else { try reader.skip() }
    }
}

struct TransactionAnswer: Answer {
    var header = AnswerHeader()
    var succeeded = false
    var outcomes: [TransactionResult.Outcome] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "succeeded": succeeded = try reader.bool()
        case "responses":
            try reader.array { (reader) throws(JSONError) in
                try reader.object { (name, reader) throws(JSONError) in
                    switch name {
                    case "response_put":
                        try reader.skip()
                        outcomes.append(.put)
                    case "response_delete_range":
                        outcomes.append(.delete(count: try DeleteAnswer(from: &reader).deleted))
                    case "response_range":
                        outcomes.append(.get(try RangeAnswer(from: &reader).keys))
                    default: try reader.skip()
                    }
                }
            }
        default: try reader.skip()
        }
    }
}

/// Answer to grant, keepalive and time-to-live.
struct LeaseAnswer: Answer {
    var header = AnswerHeader()
    var id = LeaseID.none
    /// Seconds; 0 or less when the lease does not exist.
    var ttl = 0
    var grantedTTL = 0
    var keys: [String] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "ID": id = LeaseID(try reader.integer())
        case "TTL": ttl = try reader.integer()
        case "grantedTTL", "granted_ttl": grantedTTL = try reader.integer()
        case "keys":
            try reader.array { (reader) throws(JSONError) in
                keys.append(String(decoding: try reader.data(), as: UTF8.self))
            }
        default: try reader.skip()
        }
    }
}

struct StatusAnswer: Answer {
    var header = AnswerHeader()
    var leader: UInt64 = 0
    var version = ""
    var databaseSize: Int64 = 0
    var raftIndex: UInt64 = 0

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "leader": leader = try reader.integer()
        case "version": version = try reader.string()
        case "dbSize": databaseSize = try reader.integer()
        case "raftIndex": raftIndex = try reader.integer()
        default: try reader.skip()
        }
    }
}

/// What `/version` tells; it has no header.
struct VersionAnswer: Answer {
    var header = AnswerHeader()
    var version: EtcdVersion?

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        guard name == "etcdserver" else { return try reader.skip() }
        version = EtcdVersion(try reader.string())
    }
}

struct MembersAnswer: Answer {
    var header = AnswerHeader()
    var members: [EtcdMember] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        guard name == "members" else { return try reader.skip() }
        try reader.array { (reader) throws(JSONError) in
            var member = EtcdMember(id: 0, name: "", clientURLs: [], isLearner: false)
            try reader.object { (name, reader) throws(JSONError) in
                switch name {
                case "ID": member.id = try reader.integer()
                case "name": member.name = try reader.string()
                case "clientURLs":
                    try reader.array { (reader) throws(JSONError) in member.clientURLs.append(try reader.string()) }
                case "isLearner": member.isLearner = try reader.bool()
                default: try reader.skip()
                }
            }
            members.append(member)
        }
    }
}

struct TokenAnswer: Answer {
    var header = AnswerHeader()
    var token = ""

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        if name == "token" { token = try reader.string() } else { try reader.skip() }
    }
}

struct WatchAnswer: Answer {
    var header = AnswerHeader()
    var isCreated = false
    var isCanceled = false
    var cancelReason = ""
    /// Not 0: the revision asked for is gone, and this is the oldest one left.
    var compactRevision: Int64 = 0
    /// More of the same answer follows.
    var isFragment = false
    var events: [WatchEvent] = []

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "created": isCreated = try reader.bool()
        case "canceled": isCanceled = try reader.bool()
        case "cancel_reason": cancelReason = try reader.string()
        case "compact_revision": compactRevision = try reader.integer()
        case "fragment": isFragment = try reader.bool()
        case "events":
            try reader.array { (reader) throws(JSONError) in events.append(try WatchEvent(from: &reader)) }
        default: try reader.skip()
        }
    }
}

extension WatchEvent {
    init(from reader: inout JSONReader) throws(JSONError) {
        var isDeletion = false
        var pair = KeyValue(key: "", value: [], createRevision: 0, modRevision: 0, version: 0)
        var key: [UInt8] = []
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "type": isDeletion = try reader.string() == "DELETE"
            case "kv": pair = try KeyValue(from: &reader, key: &key)
            default: try reader.skip()
            }
        }
        self = isDeletion ? .delete(key: pair.key, modRevision: pair.modRevision) : .put(pair)
    }
}
