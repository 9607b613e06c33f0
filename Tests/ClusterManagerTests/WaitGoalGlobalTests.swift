// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@testable import ClusterManager

@Suite("a wait for a global unit on all of its machines")
struct WaitGoalGlobalTests {
    /// The goal's verdict in one word, by what each of two machines reports; `nil` for one that has said nothing.
    ///
    /// A report is the target state that the machine has acted on, and systemd's ACTIVE state.
    private func word(
        _ kind: WaitGoal.Kind, _ desired: TargetState, _ reports: [(TargetState, String)?], quiet: Duration = .zero,
        options: String = "", formers: [String: FleetUnitState] = [:]
    ) throws -> String {
        let machines = Fixtures.machines(2)
        let unit = try Fixtures.unit("log.service", desired, text: Fixtures.globalText + options)
        var states: [FleetUnitState] = []
        for (machine, report) in zip(machines, reports) {
            guard let (acted, active) = report else { continue }
            var state = Fixtures.state(unit, on: machine.id, active, "x")
            state.acted = acted
            if active == "failed" { state.health = "failed: exit-code" }
            states.append(state)
        }
        // What a machine that is gone said last does not count.
        states.append(Fixtures.state(unit, on: Fixtures.id("99"), "failed", "failed"))
        var goal = WaitGoal(unit.name, kind)
        goal.formers = formers
        let view = FleetView(units: [unit], states: states, machines: machines)
        switch goal.verdict(in: view, attention: quiet, quiet: quiet) {
        case .pending: return "pending"
        case .reached: return "reached"
        case .failed: return "failed"
        }
    }

    @Test("it is over when every machine is so far that has the unit or is about to get it")
    func machines() throws {
        let (loaded, active): ((TargetState, String), (TargetState, String)) =
            ((.loaded, "inactive"), (.launched, "active"))
        #expect(try word(.loaded, .loaded, [loaded, loaded]) == "reached")
        #expect(try word(.loaded, .loaded, [loaded, (.inactive, "")]) == "pending")
        #expect(try word(.loaded, .loaded, [loaded, nil]) == "pending")
        #expect(try word(.running, .launched, [active, active]) == "reached")
        #expect(try word(.running, .launched, [active, loaded]) == "pending")
        #expect(try word(.running, .launched, [active, (.launched, "failed")]) == "failed")
        #expect(try word(.stopped, .loaded, [loaded, (.launched, "active")]) == "pending")
        #expect(try word(.stopped, .loaded, [loaded, loaded]) == "reached")
        // The view may be older than the request.
        #expect(try word(.running, .loaded, [active, active]) == "pending")
    }

    @Test("a machine that does not get the unit is not waited for, and one that has none does not run it")
    func others() throws {
        let loaded = (TargetState.loaded, "inactive")
        let first = "MachineMetadata=zone=none\n"
        #expect(try word(.loaded, .loaded, [loaded, nil], options: first) == "reached")
        #expect(try word(.loaded, .loaded, [nil, nil], options: first) == "reached")
        #expect(try word(.loaded, .loaded, [loaded, nil], quiet: .seconds(1)) == "reached")
        #expect(try word(.loaded, .loaded, [nil, nil], quiet: .seconds(3)) == "pending")
        #expect(try word(.stopped, .loaded, [loaded, nil]) == "reached")
        #expect(try word(.stopped, .loaded, [nil, nil]) == "reached")
    }

    @Test("of many machines the first one's failure is told, and how many are not so far makes no news")
    func many() throws {
        let machines = Fixtures.machines(20)
        let unit = try Fixtures.unit("log.service", text: Fixtures.globalText)
        func verdict(_ activeFrom: Int, _ pendingFrom: Int) -> WaitVerdict {
            let states = machines.indices.map { index in
                let active = index >= pendingFrom ? "activating" : index >= activeFrom ? "active" : "failed"
                var state = Fixtures.state(unit, on: machines[index].id, active, "x")
                (state.acted, state.health) = (.launched, active == "failed" ? "failed: exit-code" : nil)
                return state
            }
            let view = FleetView(units: [unit], states: states, machines: machines)
            return WaitGoal(unit.name, .running).verdict(in: view, attention: .seconds(3), quiet: .zero)
        }
        let reason = WaitVerdict.pending(reason: "not all of its machines are so far")
        #expect(verdict(0, 1) == reason)
        #expect(verdict(5, 19) == reason)
        #expect(verdict(0, 20) == .reached("Unit log.service launched on 20 machines"))
        guard case .failed(let text) = verdict(15, 20) else { throw ClusterManagerError(.refused, "not failed") }
        #expect(text.contains("172.17.8.101"), "\(text)")
    }

    @Test("a failure of before the command is no outcome on that machine")
    func formers() throws {
        let machine = Fixtures.machines(1)[0].id
        let unit = try Fixtures.unit("log.service", text: Fixtures.globalText)
        let former = Fixtures.state(unit, on: machine, "failed", "failed")
        let reports = [(TargetState.launched, "failed"), (.launched, "active")]
        #expect(try word(.running, .launched, reports) == "failed")
        #expect(try word(.running, .launched, reports, formers: [machine: former]) == "pending")
    }
}
