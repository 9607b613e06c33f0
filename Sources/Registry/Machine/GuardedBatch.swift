// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// One write with a condition of its own, which need not hold for others to be done.
struct GuardedWrite: Hashable, Sendable {
    /// The key that the condition is about.
    var key: String
    /// The mod revision that the key must have; `nil` is satisfied with any that exists.
    var modRevision: Int64?
    var operation: Operation

    var comparison: Comparison {
        modRevision.map { Comparison(key, .equal, .modRevision($0)) } ?? .present(key)
    }

    func holds(_ entry: KeyValue?) -> Bool {
        guard let entry else { return false }
        return modRevision.map { $0 == entry.modRevision } ?? true
    }
}

extension ClusterRegistry {
    /// Carries out many guarded writes in few transactions; a condition that fails costs its own write only.
    ///
    /// All of them hold only during `tenure`: what a former session or a former run of the agent has on its way still
    /// changes nothing.
    ///
    /// - Returns: For each write, in the order given, the revision at which it was done, or `nil` when its condition did
    ///   not hold.
    /// - Throws: `.sessionLost` when the tenure has ended.
    func commit(
        guarded writes: [GuardedWrite], in tenure: Tenure, while action: String
    ) async throws(RegistryError) -> [Int64?] {
        let record = keys.machine(tenure.machine)
        let present = Comparison(record, .equal, .modRevision(tenure.recordRevision))
        let chunk = Transaction.operationLimit - 1

        var revisions: [Int64?] = Array(repeating: nil, count: writes.count)
        for start in stride(from: 0, to: writes.count, by: chunk) {
            var open = Array(start..<min(start + chunk, writes.count))
            var tries = 0
            while !open.isEmpty {
                guard tries < Self.attemptLimit else { throw Self.interfered(action) }
                tries += 1
                let result = try await commit(
                    Transaction(
                        if: [present] + open.map { writes[$0].comparison }, then: open.map { writes[$0].operation },
                        otherwise: [.get(.key(record))] + open.map { .get(.key(writes[$0].key)) }), while: action)
                if result.succeeded {
                    for index in open { revisions[index] = result.revision }
                    break
                }
                let found = try Self.found(result, count: open.count + 1, while: action)
                guard found[0]?.modRevision == tenure.recordRevision else {
                    throw RegistryError(
                        code: .sessionLost,
                        message:
                            "\(action): machine \(tenure.machine.short) has registered anew or lost its session since")
                }
                open = zip(open, found.dropFirst()).filter { writes[$0].holds($1) }.map(\.0)
            }
        }
        return revisions
    }
}
