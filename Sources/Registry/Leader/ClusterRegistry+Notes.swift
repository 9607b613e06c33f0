// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What the leader writes down for its successors.
extension ClusterRegistry {
    /// Writes the notes of a plan, each only while `leadership` holds; writing one twice does no harm.
    ///
    /// - Parameters:
    ///   - notes: In the order in which they are to be written.
    ///   - moment: What time a brake that does not say otherwise is set, in milliseconds since 1970.
    ///   - leadership: Of whoever writes.
    /// - Throws: `.deposed` when the leadership no longer holds.
    package func write(
        _ notes: [ClusterNote], at moment: Int64, as leadership: Leadership
    ) async throws(RegistryError) {
        let action = "writing \(notes.count) notes"
        for start in stride(from: 0, to: notes.count, by: Transaction.operationLimit) {
            let chunk = notes[start..<min(start + Transaction.operationLimit, notes.count)]
            let result = try await commit(
                Transaction(if: [guarding(leadership)], then: chunk.map { operation($0, moment) }), while: action)
            guard result.succeeded else { throw Self.deposed(leadership, while: action) }
        }
    }

    private func operation(_ note: ClusterNote, _ moment: Int64) -> Operation {
        switch note {
        case .remember(let id): return .put(keys.seen(id), Array("{}".utf8))
        case .forget(let id): return .delete(.key(keys.seen(id)))
        case .brake(var brake):
            if brake.since == 0 { brake.since = moment }
            return .put(keys.brake, BrakeEntry(brake).bytes)
        case .release: return .delete(.key(keys.brake))
        }
    }
}
