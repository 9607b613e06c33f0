// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What the leader writes of operations.
extension ClusterRegistry {
    /// What came of a write.
    package enum OperationOutcome: Hashable, Sendable {
        case written(revision: Int64)
        /// Somebody has changed the operation, or what it touches, since: nothing was written.
        case stale
    }

    /// The most bytes of ended operations that are kept, and how long.
    ///
    /// - Source: DESIGN section 6.
    package static let operationBytes = 16 << 20
    package static let operationAge = Duration.seconds(30 * 86_400)

    /// Writes one operation's head, waves and preferences in one transaction, if all is as the writer has seen it.
    ///
    /// - Parameters:
    ///   - write: What is to be so.
    ///   - moment: What time it is, in milliseconds since 1970.
    ///   - leadership: Of whoever writes.
    /// - Returns: What came of it.
    /// - Throws: `.deposed`; `.damaged` when a unit that it touches cannot be read.
    package func write(
        _ write: OperationWrite, at moment: Int64, as leadership: Leadership
    ) async throws(RegistryError) -> OperationOutcome {
        let action = "writing operation \(write.head.id)"
        guard let head = try await entries([keys.operation(write.head.id)], while: action).entries[0],
            head.modRevision == write.head.modified.revision
        else { return .stale }
        let (guards, operations) = try await parts(of: write, replacing: head, at: moment, while: action)
        let result = try await commit(
            Transaction(
                if: [guarding(leadership)] + guards, then: operations, otherwise: [.get(.key(keys.leader))]),
            while: action)
        if result.succeeded { return .written(revision: result.revision) }
        guard try Self.found(result, count: 1, while: action)[0]?.createRevision == leadership.epoch else {
            throw Self.deposed(leadership, while: action)
        }
        return .stale
    }

    /// Deletes operations that ended long ago, and the oldest of those that ended when they are too many.
    ///
    /// - Parameters:
    ///   - moment: What time it is, in milliseconds since 1970.
    ///   - bytes: How many bytes of ended operations are kept.
    ///   - leadership: Nothing is deleted unless it still holds.
    /// - Returns: How many were deleted.
    /// - Throws: `.deposed`.
    @discardableResult
    package func forgetOperations(
        at moment: Int64, keeping bytes: Int = operationBytes, as leadership: Leadership
    ) async throws(RegistryError) -> Int {
        let action = "forgetting operations"
        let found = try await get(keys.operations, while: action).keys
        var sizes: [OperationID: Int] = [:]
        for entry in found {
            guard let name = keys.name(of: entry.key, Records.operations) else { continue }
            sizes[name.operation, default: 0] += entry.key.utf8.count + entry.value.count
        }
        let heads = heads(in: found)
        let ended = heads.filter { !$0.isLiving }.sorted { ($0.ended, $0.id) > ($1.ended, $1.id) }
        let oldest = moment - Int64(Self.operationAge / .milliseconds(1))
        var kept = 0
        var doomed: [OperationID] = []
        for operation in ended {
            kept += sizes[operation.id] ?? 0
            if operation.ended < oldest || kept > bytes { doomed.append(operation.id) }
        }
        // Waves whose head is gone: a deletion that was cut off in the middle.
        let names = Set(found.compactMap { keys.name(of: $0.key, Records.operations) })
        let orphans = Set(names.map(\.operation)).filter { id in
            !names.contains { $0.operation == id && $0.wave == nil }
        }
        for id in doomed + orphans.sorted() {
            let result = try await commit(
                Transaction(
                    if: [guarding(leadership)], then: [.delete(.key(keys.operation(id))), .delete(keys.waves(id))]),
                while: action)
            guard result.succeeded else { throw Self.deposed(leadership, while: action) }
        }
        return doomed.count
    }
}
