// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// The leader is lost before and after each write of an operation, everywhere: rules R14 and R15.
@Suite("Operations whose leader is lost")
struct OperationCutTests {
    @Test("a drain comes to its end, one unit at a time, wherever leaders are lost", arguments: [1, 3, 8])
    func drain(units: Int) throws {
        let whole = try OperationWorld.run(units: units, kind: .drain(Short.machine("A")), cut: nil)
        #expect(whole.end == .done)
        #expect(whole.writes > 2 * units)
        for cut in 0..<whole.writes {
            for isLost in [true, false] {
                let outcome = try OperationWorld.run(
                    units: units, kind: .drain(Short.machine("A")), cut: (cut, isLost))
                #expect(outcome.end == .done, "write \(cut) \(isLost ? "lost" : "unanswered"): \(outcome.reason)")
                #expect(outcome.left.isEmpty, "write \(cut): \(outcome.left) are still on A")
                #expect(outcome.mostAway <= 1, "write \(cut): \(outcome.mostAway) units away at once")
                #expect(outcome.movedTwice.isEmpty, "write \(cut): \(outcome.movedTwice) moved twice")
            }
        }
    }

    @Test("a move comes to its end wherever leaders are lost", arguments: [1, 3, 8])
    func move(units: Int) throws {
        let kind = OperationRecord.Kind.move(Short.unit("u1"), to: Short.machine("C"))
        let whole = try OperationWorld.run(units: units, kind: kind, cut: nil)
        #expect(whole.end == .done)
        for cut in 0..<whole.writes {
            for isLost in [true, false] {
                let outcome = try OperationWorld.run(units: units, kind: kind, cut: (cut, isLost))
                #expect(outcome.end == .done, "write \(cut) \(isLost ? "lost" : "unanswered"): \(outcome.reason)")
                #expect(outcome.home("u1") == "C", "write \(cut): u1 is on \(outcome.home("u1"))")
                #expect(outcome.mostAway <= 1 && outcome.movedTwice.isEmpty)
            }
        }
    }

    @Test("leaders lost at two writes: the drain still comes to its end")
    func twice() throws {
        let kind = OperationRecord.Kind.drain(Short.machine("A"))
        let whole = try OperationWorld.run(units: 3, kind: kind, cut: nil)
        for first in 0..<whole.writes {
            for second in 0..<whole.writes {
                let outcome = try OperationWorld.run(units: 3, kind: kind, cut: (first, true), again: (second, false))
                #expect(outcome.end == .done && outcome.left.isEmpty, "\(first), \(second): \(outcome.reason)")
                #expect(outcome.mostAway <= 1 && outcome.movedTwice.isEmpty, "\(first), \(second)")
            }
        }
    }
}

/// Machines that do what they are ordered, and a store that loses the leader at a given write.
struct OperationWorld {
    typealias Cut = (write: Int, isLost: Bool)

    struct Outcome {
        var end: OperationRecord.State
        var reason: String
        /// Writes of operations and schedule, in all.
        var writes: Int
        var left: [UnitName]
        /// The most units that were nowhere ready at one time.
        var mostAway: Int
        var movedTwice: [UnitName]
        var state: ClusterState

        func home(_ unit: String) -> String {
            state.livingAssignments(of: Short.unit(unit)).first.map { Short.text($0.machine) } ?? "-"
        }
    }

    private var state = ClusterState()
    private var engine = Engine()
    private var revision: Int64 = 1
    private var writes = 0
    private var cuts: [Cut]
    private var mostAway = 0
    private var departures: [UnitName: Int] = [:]

    static func run(units: Int, kind: OperationRecord.Kind, cut: Cut?, again: Cut? = nil) throws -> Outcome {
        var world = OperationWorld(cuts: [cut, again].compactMap(\.self))
        return try world.run(units, kind)
    }

    private init(cuts: [Cut]) { self.cuts = cuts }

    private mutating func run(_ units: Int, _ kind: OperationRecord.Kind) throws -> Outcome {
        var text = ClusterText()
        let events =
            ["A", "B", "C"] + (1...units).flatMap { ["u\($0) launched", "A: u\($0) launched", "A> u\($0) launched"] }
        happen(events.flatMap { text.events($0) })
        engine = Engine(state.events, revision: revision)
        let id = try #require(OperationID("op"))
        var begun: [ClusterEvent] = [.operationPut(OperationRecord(id: id, kind: kind))]
        if case .drain(let machine) = kind {
            begun.insert(.controlPut(machine, MachineControl(isCordoned: true, isDraining: true)), at: 0)
        }
        happen(begun)
        for _ in 0..<(20 * units + 20) where state.operations[id]?.isLiving == true { step() }
        let record = try #require(state.operations[id])
        return Outcome(
            end: record.state, reason: record.reason, writes: writes, left: state.units(on: Short.machine("A")),
            mostAway: mostAway, movedTwice: departures.filter { $0.value > 1 }.keys.sorted(), state: state)
    }

    /// One plan, its writes one by one, and then what the machines do.
    private mutating func step() {
        let plan = engine.plan()
        for write in plan.operations {
            guard land({ OperationText.events(of: write, in: $0, at: $1) }) else { return }
        }
        for step in plan.steps {
            for case .withdraw(_, let unit) in step.changes { departures[unit, default: 0] += 1 }
            guard land({ (_, revision) in step.changes.map { Self.event($0, revision) } }) else { return }
            engine.committed([step], at: revision)
        }
        obey()
    }

    /// Commits a write, unless the leader is lost at it.
    ///
    /// - Returns: Whether the leader goes on.
    private mutating func land(_ events: (ClusterState, Int64) -> [ClusterEvent]) -> Bool {
        let number = writes
        writes += 1
        let happening = events(state, revision + 1)
        guard let cut = cuts.first(where: { $0.write == number }) else {
            happen(happening)
            return true
        }
        if cut.isLost {
            // A step that did not happen is no departure.
            for case .assignmentGone(_, let unit) in happening { departures[unit, default: 1] -= 1 }
        } else {
            happen(happening)
        }
        obey()
        engine = Engine(state.events, revision: revision)
        return false
    }

    private mutating func happen(_ events: [ClusterEvent]) {
        revision += 1
        for event in events { state.apply(event) }
        engine.handle(events, revision: revision)
        let away = state.sortedUnits.count { unit in
            !state.sortedAssignments(of: unit.name).contains {
                state.states[unit.name]?[$0.machine]?.acted == .launched
            }
        }
        if state.operations.isEmpty == false { mostAway = max(mostAway, away) }
    }

    /// Each machine stops what it is no longer to run, and starts what it is to run, in two steps.
    private mutating func obey() {
        for unit in state.sortedUnits {
            for report in state.sortedStates(of: unit.name)
            where state.assignments[unit.name]?[report.machine] == nil {
                happen([.stateGone(report.machine, unit.name)])
            }
            for order in state.sortedAssignments(of: unit.name) {
                let acted = state.states[unit.name]?[order.machine]?.acted
                guard acted != order.target else { continue }
                happen([
                    .statePut(
                        UnitState(
                            machine: order.machine, unit: unit.name, hash: order.hash,
                            acted: acted == nil ? .loaded : order.target))
                ])
            }
        }
    }

    private static func event(_ change: ScheduleStep.Change, _ revision: Int64) -> ClusterEvent {
        switch change {
        case .assign(var order):
            order.written = Stamp(revision)
            return .assignmentPut(order)
        case .withdraw(let machine, let unit): return .assignmentGone(machine, unit)
        }
    }
}
