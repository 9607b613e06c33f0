// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What operators want of machines and of the leader.
package enum ControlChange: String, Hashable, Sendable, CaseIterable {
    /// Takes no new units; what it was to hand over goes on.
    case cordon
    /// Takes no new units and hands over those that it has.
    case drain
    /// Takes units again; what it has handed over stays where it is.
    case uncordon
}

extension ClusterRegistry {
    /// Changes what is wanted of a machine; it need not be alive.
    ///
    /// - Parameters:
    ///   - machine: The machine.
    ///   - change: What is wanted from now on.
    ///   - operator: Who wants it, for people.
    ///   - moment: What time it is, in milliseconds since 1970.
    /// - Returns: The revision at which the change is committed; that of the reading when nothing had to be changed.
    /// - Throws: `.damaged` when the entry cannot be read; `.interfered` when others keep changing it.
    package func control(
        _ machine: MachineID, _ change: ControlChange, by operator: String, at moment: Int64
    ) async throws(RegistryError) -> Int64 {
        let action = "\(change.rawValue) of machine \(machine.short)"
        let key = keys.control(machine)
        for _ in 0..<Self.attemptLimit {
            let found = try await entries([key], while: action)
            let current = found.entries[0]
            let operation: Operation
            if change == .uncordon {
                guard current != nil else { return found.revision }
                operation = .delete(.key(key))
            } else {
                var former: MachineControl?
                if let current {
                    do {
                        former = try ControlEntry(bytes: current.value).control
                    } catch {
                        throw Self.damaged(key, error)
                    }
                }
                let isDraining = change == .drain || former?.isDraining ?? false
                if let former, former.isCordoned, former.isDraining == isDraining { return found.revision }
                let entry = ControlEntry(
                    MachineControl(
                        isCordoned: true, isDraining: isDraining, since: moment, by: `operator`,
                        operation: former?.operation))
                do {
                    let bytes = try current.map { try entry.bytes(replacing: $0.value) } ?? entry.bytes
                    operation = .put(key, bytes)
                } catch {
                    throw Self.damaged(key, RecordError("\(error)"))
                }
            }
            let result = try await commit(
                Transaction(
                    if: [Comparison(key, .equal, .modRevision(current?.modRevision ?? 0))], then: [operation]),
                while: action)
            if result.succeeded { return result.revision }
        }
        throw Self.interfered(action)
    }

    /// The machines that take no new units, alive or not.
    ///
    /// - Returns: Those whose entry says so; one that cannot be read is shown with the damaged records.
    /// - Throws: What the store throws.
    package func closedMachines() async throws(RegistryError) -> Set<MachineID> {
        let found = try await get(keys.control, while: "listing cordoned machines")
        return Set(
            found.keys.compactMap { entry in
                guard let machine = keys.name(of: entry.key, Records.control),
                    (try? ControlEntry(bytes: entry.value))?.control.isClosed == true
                else { return nil }
                return machine
            })
    }

    /// Lifts the brake: machines that are missing count as lost from now on, and their units are taken over.
    ///
    /// - Returns: The revision at which it is lifted; `nil` when it was not set.
    /// - Throws: `.interfered` when it changes all the time; a brake that cannot be read is lifted all the same.
    package func releaseBrake() async throws(RegistryError) -> Int64? {
        let action = "releasing the brake"
        for _ in 0..<Self.attemptLimit {
            guard let current = try await entries([keys.brake], while: action).entries[0] else { return nil }
            let lost = (try? BrakeEntry(bytes: current.value).brake.lost) ?? []
            // With them goes what would make a new leader set the brake again.
            let doomed = lost.map { Operation.delete(.key(keys.seen($0))) } + [.delete(.key(keys.brake))]
            var isDone = true
            var revision: Int64 = 0
            for start in stride(from: 0, to: doomed.count, by: Transaction.operationLimit) where isDone {
                let chunk = doomed[start..<min(start + Transaction.operationLimit, doomed.count)]
                let result = try await commit(
                    Transaction(
                        if: [Comparison(keys.brake, .equal, .modRevision(current.modRevision))], then: Array(chunk)),
                    while: action)
                isDone = result.succeeded
                revision = result.revision
            }
            if isDone { return revision }
        }
        throw Self.interfered(action)
    }
}
