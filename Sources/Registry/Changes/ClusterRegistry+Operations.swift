// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What a person can want of an operation that goes on.
package enum OperationOrder: String, Hashable, Sendable, CaseIterable {
    /// It begins no further step; what is on its way comes to rest.
    case pause
    /// It goes on.
    case resume
    /// It ends where it is; a machine that it drains stays cordoned.
    case abort
}

/// Operations, as people ask for them.
extension ClusterRegistry {
    /// Begins an operation; one that drains a machine closes it in the same transaction.
    ///
    /// Asked for twice in the same words it is one operation, whatever has come of it.
    ///
    /// - Parameters:
    ///   - operation: As it is to begin.
    ///   - moment: What time it is, in milliseconds since 1970.
    /// - Returns: The operation as it stands, and a revision at which the store has it.
    /// - Throws: `.conflict` when there is another operation of that id, or a living one that drains the machine; `.damaged`.
    package func create(
        _ operation: OperationRecord, at moment: Int64
    ) async throws(RegistryError) -> (operation: OperationRecord, revision: Int64) {
        let action = "beginning operation \(operation.id)"
        for _ in 0..<Self.attemptLimit {
            let found = try await entries(
                [keys.operation(operation.id)] + (operation.drained.map { [keys.control($0)] } ?? []), while: action)
            if let entry = found.entries[0] {
                guard let present = (try? StoredOperation(bytes: entry.value))?.record(operation.id) else {
                    throw RegistryError(
                        code: .conflict, while: action, message: "there is one of that name that cannot be read")
                }
                guard present.isSameRequest(as: operation) else {
                    throw RegistryError(
                        code: .conflict, while: action, message: "there is another operation of that name")
                }
                return (present, found.revision)
            }
            let control = operation.drained == nil ? nil : found.entries[1]
            if let other = try await drain(in: control, of: operation.drained, while: action) {
                throw RegistryError(
                    code: .conflict, while: action,
                    message: "operation \(other.id) drains that machine already; it is \(other.state.rawValue)")
            }
            var head = operation
            head.asked = moment
            var guards: [Comparison] = [.absent(keys.operation(head.id))]
            var writes: [Operation] = [.put(keys.operation(head.id), StoredOperation(head).bytes)]
            if let machine = operation.drained {
                let key = keys.control(machine)
                let wanted = ControlEntry(
                    MachineControl(
                        isCordoned: true, isDraining: true, since: moment, by: operation.by, operation: head.id))
                guards.append(Comparison(key, .equal, .modRevision(control?.modRevision ?? 0)))
                // One that cannot be read says nothing that has to be kept.
                let bytes = control.flatMap { try? wanted.bytes(replacing: $0.value) } ?? wanted.bytes
                writes.append(.put(key, bytes))
            }
            let result = try await commit(Transaction(if: guards, then: writes), while: action)
            guard result.succeeded else { continue }
            head.modified = Stamp(result.revision)
            return (head, result.revision)
        }
        throw Self.interfered(action)
    }

    /// The living operation that a machine's entry under `control/` names.
    private func drain(
        in control: KeyValue?, of machine: MachineID?, while action: String
    ) async throws(RegistryError) -> OperationRecord? {
        guard let control, let id = (try? ControlEntry(bytes: control.value))?.control.operation,
            let entry = try await entries([keys.operation(id)], while: action).entries[0],
            let other = (try? StoredOperation(bytes: entry.value))?.record(id), other.isLiving, other.drained == machine
        else { return nil }
        return other
    }

    /// Pauses, resumes or aborts an operation.
    ///
    /// - Parameters:
    ///   - order: What is wanted.
    ///   - id: Which one.
    ///   - person: Who wants it, for people.
    ///   - moment: What time it is, in milliseconds since 1970.
    /// - Returns: The operation as it stands, and a revision at which the store has it.
    /// - Throws: `.notFound`; `.conflict` when it has ended otherwise; `.damaged`.
    package func order(
        _ order: OperationOrder, of id: OperationID, by person: String, at moment: Int64
    ) async throws(RegistryError) -> (operation: OperationRecord, revision: Int64) {
        let action = "\(order.rawValue) of operation \(id)"
        let key = keys.operation(id)
        for _ in 0..<Self.attemptLimit {
            guard let (stored, entry): (StoredOperation, KeyValue) = try await record(key, while: action) else {
                throw RegistryError(code: .notFound, while: action, message: "there is no operation \(id)")
            }
            var head = stored.record(id)
            let wanted: OperationRecord.State =
                switch order {
                case .pause: .paused
                case .resume: .running
                case .abort: .aborted
                }
            if head.state == wanted { return (head, entry.modRevision) }
            guard head.isLiving else {
                throw RegistryError(code: .conflict, while: action, message: "it has ended: \(head.state.rawValue)")
            }
            head.state = wanted
            head.reason = order == .resume ? "" : "\(wanted.rawValue) by \(person.isEmpty ? "an operator" : person)"
            head.renewals = 0
            head.ended = wanted.isLiving ? 0 : moment
            var write = OperationWrite(head)
            if order == .abort { write.cordoned = head.drained }
            let (guards, operations) = try await parts(of: write, replacing: entry, at: moment, while: action)
            let result = try await commit(Transaction(if: guards, then: operations), while: action)
            if result.succeeded {
                head.modified = Stamp(result.revision)
                return (head, result.revision)
            }
        }
        throw Self.interfered(action)
    }

    /// The heads among entries that can be read.
    func heads(in entries: [KeyValue]) -> [OperationRecord] {
        entries.compactMap { entry in
            guard let name = keys.name(of: entry.key, Records.operations), name.wave == nil else { return nil }
            return (try? StoredOperation(bytes: entry.value))?.record(name.operation)
        }
    }

    /// The comparisons and operations that a write of an operation takes.
    ///
    /// - Throws: `.damaged` when a unit's record cannot be read.
    func parts(
        of write: OperationWrite, replacing head: KeyValue, at moment: Int64, while action: String
    ) async throws(RegistryError) -> (guards: [Comparison], operations: [Operation]) {
        var record = write.head
        if !record.isLiving, record.ended == 0 { record.ended = moment }
        var guards = [Comparison(head.key, .equal, .modRevision(head.modRevision))]
        var operations: [Operation] = []
        let stored = StoredOperation(record)
        let kept = try? stored.bytes(replacing: head.value)
        operations.append(.put(head.key, kept ?? stored.bytes))
        for wave in write.waves {
            operations.append(.put(keys.wave(wave.operation, wave.number), StoredWave(wave.steps).bytes))
        }
        let others = write.preferences.map { keys.unit($0.unit) } + (write.cordoned.map { [keys.control($0)] } ?? [])
        guard !others.isEmpty else { return (guards, operations) }
        let found = try await entries(others, while: action).entries
        for (key, current) in zip(others, found) {
            guards.append(Comparison(key, .equal, .modRevision(current?.modRevision ?? 0)))
        }
        for (preference, current) in zip(write.preferences, found) {
            // A unit that was destroyed prefers nothing.
            guard let current else { continue }
            do {
                var entry = try TargetEntry(bytes: current.value)
                entry.preferred = preference.machine
                operations.append(.put(current.key, try entry.bytes(replacing: current.value)))
            } catch {
                throw Self.damaged(current.key, error)
            }
        }
        if write.cordoned != nil, let current = found.last ?? nil, var control = try? ControlEntry(bytes: current.value)
        {
            control.control.isCordoned = true
            control.control.isDraining = false
            control.control.operation = nil
            let kept = try? control.bytes(replacing: current.value)
            operations.append(.put(current.key, kept ?? control.bytes))
        }
        return (guards, operations)
    }
}
