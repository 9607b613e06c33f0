// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// One write with conditions of its own, which need not hold for others to be done.
struct GuardedWrite: Hashable, Sendable {
    /// What a key must be like for the write to be done.
    struct Condition: Hashable, Sendable {
        /// What to do about a key that has another mod revision.
        enum Otherwise: Hashable, Sendable {
            /// The write is not done.
            case giveUp
            /// The write is tried on what is there now, if anything is.
            case follow
            /// The write is tried on what is there now, be it nothing.
            case followOrCreate
        }

        /// A mod revision that no key has: the first try fails, and tells which one it is.
        static let unknown: Int64 = -1

        var key: String
        /// The mod revision that the key is known or thought to have; 0 for one that is not there.
        var modRevision: Int64
        var otherwise = Otherwise.giveUp
    }

    /// Every write names at least one revision, so that a late copy of it changes nothing that is newer.
    var conditions: [Condition]
    var operation: Operation

    var comparisons: [Comparison] { conditions.map { Comparison($0.key, .equal, .modRevision($0.modRevision)) } }

    /// Takes in what the keys of the conditions are like now.
    ///
    /// - Returns: Whether the write may be tried again.
    mutating func adapt(to found: ArraySlice<KeyValue?>) -> Bool {
        for (index, entry) in zip(conditions.indices, found) {
            let revision = entry?.modRevision ?? 0
            guard revision != conditions[index].modRevision else { continue }
            switch conditions[index].otherwise {
            case .giveUp: return false
            case .follow where entry == nil: return false
            case .follow, .followOrCreate: conditions[index].modRevision = revision
            }
        }
        return true
    }
}

extension ClusterRegistry {
    /// Carries out many guarded writes in few transactions; a condition that fails costs its own write only.
    ///
    /// All of them hold only during `tenure`: what a former session or a former run of the agent has on its way still
    /// changes nothing.
    ///
    /// - Returns: For each write, in the order given, the revision at which it was done, or `nil` when its conditions
    ///   did not hold.
    /// - Throws: `.sessionLost` when the tenure has ended.
    func commit(
        guarded writes: [GuardedWrite], in tenure: Tenure, while action: String
    ) async throws(RegistryError) -> [Int64?] {
        let record = keys.machine(tenure.machine)
        let present = Comparison(record, .equal, .modRevision(tenure.recordRevision))
        // One comparison, and one read when one fails, is the record's.
        let chunk = (Transaction.operationLimit - 1) / max(1, writes.map(\.conditions.count).max() ?? 1)

        var writes = writes
        var revisions: [Int64?] = Array(repeating: nil, count: writes.count)
        for start in stride(from: 0, to: writes.count, by: chunk) {
            var open = Array(start..<min(start + chunk, writes.count))
            var tries = 0
            while !open.isEmpty {
                guard tries < Self.attemptLimit else { throw Self.interfered(action) }
                tries += 1
                let asked = open.flatMap { index in writes[index].conditions.map(\.key) }
                let result = try await commit(
                    Transaction(
                        if: [present] + open.flatMap { writes[$0].comparisons },
                        then: open.map { writes[$0].operation },
                        otherwise: [.get(.key(record))] + asked.map { .get(.key($0)) }), while: action)
                if result.succeeded {
                    for index in open { revisions[index] = result.revision }
                    break
                }
                let found = try Self.found(result, count: asked.count + 1, while: action)
                guard found[0]?.modRevision == tenure.recordRevision else {
                    throw RegistryError(
                        code: .sessionLost,
                        while: action,
                        message:
                            "machine \(tenure.machine.short) has registered anew or lost its session since")
                }
                var rest = found.dropFirst()
                open = open.filter { index in
                    let own = rest.prefix(writes[index].conditions.count)
                    rest = rest.dropFirst(own.count)
                    return writes[index].adapt(to: own)
                }
            }
        }
        return revisions
    }
}
