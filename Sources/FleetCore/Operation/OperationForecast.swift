// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What an operation would do, found by the engine that would run it, in a cluster where each unit comes up where it is sent.
package struct OperationForecast: Hashable, Sendable {
    /// The steps, in order.
    package var steps: [OperationStep]
    /// How it would stand at the end, and why.
    package var state: OperationRecord.State
    package var reason: String

    /// - Parameters:
    ///   - operation: As it would be asked for.
    ///   - cluster: In what state.
    ///   - revision: As of when.
    package init(_ operation: OperationRecord, in cluster: ClusterState, revision: Int64) {
        var model = Model(cluster, revision: revision)
        model.begin(operation)
        model.run(until: operation.id)
        let found = model.state.operations[operation.id] ?? operation
        steps = model.state.sortedWaves(of: operation.id).flatMap(\.steps)
        state = found.state
        reason = found.reason.isEmpty ? model.state.brake.map { "\($0)" } ?? "" : found.reason
    }

    /// A cluster in which all that is ordered happens at once.
    private struct Model {
        var state: ClusterState
        var engine: Engine
        var revision: Int64

        init(_ cluster: ClusterState, revision: Int64) {
            state = cluster
            engine = Engine(cluster.events, revision: revision, isReread: true)
            self.revision = revision
        }

        mutating func begin(_ operation: OperationRecord) {
            if let machine = operation.drained {
                var control = MachineControl(isCordoned: true, isDraining: true)
                control.created = Stamp(revision)
                happen([.controlPut(machine, control)])
            }
            happen([.operationPut(operation)])
        }

        mutating func run(until id: OperationID) {
            // Each step takes two rounds; what does not end by then stands still.
            for _ in 0..<(4 * state.units.count + 8) {
                let plan = engine.plan()
                if plan.steps.isEmpty && plan.operations.isEmpty { return }
                for write in plan.operations { happen(Self.events(of: write, in: state)) }
                for step in plan.steps {
                    engine.committed([step], at: revision + 1)
                    happen(step.changes.flatMap { events(of: $0) })
                }
                if state.operations[id]?.state != .running { return }
            }
        }

        private mutating func happen(_ events: [ClusterEvent]) {
            revision += 1
            for event in events { state.apply(event) }
            engine.handle(events, revision: revision)
        }

        private func events(of change: ScheduleStep.Change) -> [ClusterEvent] {
            switch change {
            case .assign(var order):
                order.written = Stamp(revision + 1)
                let isLaunched = order.target == .launched
                return [
                    .assignmentPut(order),
                    .statePut(
                        UnitState(
                            machine: order.machine, unit: order.unit, load: "loaded",
                            active: isLaunched ? "active" : "inactive", sub: isLaunched ? "running" : "dead",
                            hash: order.hash, acted: order.target, restarts: order.restarts)),
                ]
            case .withdraw(let machine, let unit): return [.assignmentGone(machine, unit), .stateGone(machine, unit)]
            }
        }

        /// What the store shows when a write is committed.
        static func events(of write: OperationWrite, in state: ClusterState) -> [ClusterEvent] {
            var events: [ClusterEvent] = write.waves.map { .wavePut($0) }
            events.append(.operationPut(write.head))
            for preference in write.preferences {
                guard var unit = state.units[preference.unit] else { continue }
                unit.preferred = preference.machine
                events.append(.unitPut(unit))
            }
            return events
        }
    }
}
