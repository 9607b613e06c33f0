// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Operations as text, for tables; an operation is called as its kind.
enum OperationText {
    /// The changes that words tell of; `nil` when they tell of no operation.
    static func events(_ words: [String], in state: ClusterState) -> [ClusterEvent]? {
        guard words.count > 1 else { return nil }
        switch words[0] {
        case "operation": return beginning(Array(words.dropFirst()), in: state)
        case "pause": return changed(words[1], in: state, to: .paused)
        case "resume": return changed(words[1], in: state, to: .running)
        case "abort":
            guard let operation = state.operations[id(words[1])] else { return [] }
            let control = operation.drained.map {
                ClusterEvent.controlPut($0, MachineControl(isCordoned: true, isDraining: false))
            }
            return changed(words[1], in: state, to: .aborted) + (control.map { [$0] } ?? [])
        case "nowave": return [.waveGone(id(words[1]), Int(words[2]) ?? 0)]
        default: return nil
        }
    }

    private static func id(_ name: String) -> OperationID { OperationID(name) ?? .none }

    private static func beginning(_ words: [String], in state: ClusterState) -> [ClusterEvent] {
        let limit = words.last.flatMap { $0.hasPrefix("limit=") ? Int($0.dropFirst(6)) : nil }
        switch words[0] {
        case "drain":
            let machine = Short.machine(words[1])
            var control = MachineControl(isCordoned: true, isDraining: true)
            control.created = state.control[machine]?.created ?? Stamp(1)
            let name = id(words.count > 2 && limit == nil ? words[2] : "drain")
            control.operation = name
            let record = OperationRecord(id: name, kind: .drain(machine), limit: limit ?? 300)
            return [.controlPut(machine, control), .operationPut(record)]
        case "move":
            let target = words.count > 2 && Short.isMachine(words[2]) ? Short.machine(words[2]) : nil
            return [
                .operationPut(
                    OperationRecord(
                        id: id("move"), kind: .move(Short.unit(words[1]), to: target), limit: limit ?? 300))
            ]
        default: return [.operationPut(OperationRecord(id: id(words[0]), kind: .other(words[0])))]
        }
    }

    private static func changed(
        _ name: String, in state: ClusterState, to new: OperationRecord.State
    ) -> [ClusterEvent] {
        guard var operation = state.operations[id(name)] else { return [] }
        operation.state = new
        operation.reason = ""
        return [.operationPut(operation)]
    }

    /// What the store shows when a write is committed.
    static func events(of write: OperationWrite, in state: ClusterState, at revision: Int64 = 0) -> [ClusterEvent] {
        let units = write.preferences.compactMap { preference -> ClusterEvent? in
            guard var unit = state.units[preference.unit] else { return nil }
            unit.preferred = preference.machine
            return .unitPut(unit)
        }
        let waves = write.waves.map { wave in
            var wave = wave
            wave.written = Stamp(revision)
            return ClusterEvent.wavePut(wave)
        }
        return waves + [.operationPut(write.head)] + units
    }

    /// `drain: a done, b off A; paused: why`.
    static func text(_ write: OperationWrite) -> String {
        let steps = write.waves.flatMap(\.steps).map { step in
            guard let result = step.result else {
                return "\(Short.text(step.unit)) off \(Short.text(step.from))"
                    + (step.to.map { " to \(Short.text($0))" } ?? "")
            }
            return "\(Short.text(step.unit)) \(result.rawValue)" + (step.reason.isEmpty ? "" : " (\(step.reason))")
        }
        let reason = write.head.reason.isEmpty ? "" : ": \(write.head.reason)"
        let state = write.head.state == .running ? "" : write.head.state.rawValue + reason
        let parts = [steps.joined(separator: ", "), state].filter { !$0.isEmpty }
        return "\(write.head.id): " + (parts.isEmpty ? "renewal \(write.head.renewals)" : parts.joined(separator: "; "))
    }
}

extension OperationID {
    /// For tests that have failed already.
    static var none: OperationID {
        guard let id = OperationID("none") else { preconditionFailure("four letters are an id") }
        return id
    }
}
