// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A transaction: if all comparisons hold, `then` is done, else `otherwise`; all of it at one revision.
package struct Transaction: Hashable, Sendable {
    /// The most operations that one transaction may carry in each branch (etcd's default limit).
    package static let operationLimit = 128

    package var comparisons: [Comparison]
    package var then: [Operation]
    package var otherwise: [Operation]

    package init(if comparisons: [Comparison] = [], then: [Operation], otherwise: [Operation] = []) {
        self.comparisons = comparisons
        self.then = then
        self.otherwise = otherwise
    }
}

/// A condition on one key.
///
/// A key that does not exist has version, create and mod revision 0.
package struct Comparison: Hashable, Sendable {
    package enum Relation: Hashable, Sendable { case equal, notEqual, less, greater }
    package enum Operand: Hashable, Sendable {
        case value([UInt8])
        case version(Int64)
        case createRevision(Int64)
        case modRevision(Int64)
    }

    package var key: String
    package var relation: Relation
    package var operand: Operand

    package init(_ key: String, _ relation: Relation, _ operand: Operand) {
        self.key = key
        self.relation = relation
        self.operand = operand
    }

    /// The key does not exist.
    package static func absent(_ key: String) -> Comparison { Comparison(key, .equal, .createRevision(0)) }
    /// The key exists.
    package static func present(_ key: String) -> Comparison { Comparison(key, .greater, .createRevision(0)) }
}

/// One step of a transaction.
package enum Operation: Hashable, Sendable {
    case put(key: String, value: [UInt8], lease: LeaseID)
    case delete(KeySelector)
    case get(KeySelector)

    /// A put without a lease.
    package static func put(_ key: String, _ value: [UInt8]) -> Operation { .put(key: key, value: value, lease: .none) }
}

/// What came of a transaction.
package struct TransactionResult: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        case put
        case delete(count: Int)
        case get([KeyValue])
    }

    /// Whether the comparisons held, so that `then` was done.
    package var succeeded: Bool
    /// The store's revision after the transaction.
    package var revision: Int64
    /// One outcome for each operation of the branch that was done, in order.
    package var outcomes: [Outcome]

    package init(succeeded: Bool, revision: Int64, outcomes: [Outcome]) {
        self.succeeded = succeeded
        self.revision = revision
        self.outcomes = outcomes
    }
}
