// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Placement is a function of the snapshot")
struct PlacementDeterminismTests {
    @Test("the order in which a snapshot was told changes no plan", arguments: UInt64(0)..<40, [false, true])
    func orderOfEvents(seed: UInt64, hasAliases: Bool) {
        var generator = SeededGenerator(seed: seed)
        let state = Self.randomCluster(&generator, hasAliases: hasAliases)
        let first = Engine(state.events(shuffledBy: &generator), revision: 1).planned()
        for _ in 0..<6 {
            let again = Engine(state.events(shuffledBy: &generator), revision: 1).planned()
            let isSame = again.steps == first.steps && again.waiting == first.waiting
            #expect(isSame, "seed \(seed): \(again) instead of \(first)")
        }
        // A plan for nothing would agree with itself as well.
        let isEmpty = first.steps.isEmpty
        #expect(!isEmpty, "seed \(seed)")
    }

    @Test(
        "a converged cluster wants nothing, and one pass converges it when machines obey",
        arguments: UInt64(0)..<40, [false, true])
    func convergence(seed: UInt64, hasAliases: Bool) {
        var generator = SeededGenerator(seed: seed)
        var state = Self.randomCluster(&generator, hasAliases: hasAliases)
        var engine = Engine(state.events(shuffledBy: &generator), revision: 1)
        var revision: Int64 = 1
        for round in 0..<20 {
            let steps = engine.plan().steps
            if steps.isEmpty { break }
            #expect(round < 19, "seed \(seed): still planning after 20 rounds")
            revision += 1
            var events: [ClusterEvent] = []
            for change in steps.flatMap(\.changes) {
                switch change {
                case .assign(let assignment):
                    events.append(.assignmentPut(assignment))
                    events.append(
                        .statePut(
                            UnitState(
                                machine: assignment.machine, unit: assignment.unit, hash: assignment.hash,
                                acted: assignment.target, restarts: assignment.restarts)))
                case .withdraw(let machine, let unit):
                    events += [.assignmentGone(machine, unit), .stateGone(machine, unit)]
                }
            }
            engine.committed(steps, at: revision)
            engine.handle(events, revision: revision)
            for event in events { state.apply(event) }
        }
        let taken = Engine(state.events(shuffledBy: &generator), revision: 1).planned()
        let isQuiet = taken.steps.isEmpty
        #expect(isQuiet, "seed \(seed): \(taken.steps)")
    }

    /// A cluster of some machines and units with all rules, some units placed already, well or badly.
    ///
    /// With aliases `u4` is also `a4` and `a4x`, and about half of the rules name a unit so.
    static func randomCluster(_ generator: inout SeededGenerator, hasAliases: Bool) -> ClusterState {
        var text = ClusterText()
        let machines = Array("ABCDEF".prefix(Int.random(in: 2...6, using: &generator)).map(String.init))
        for machine in machines {
            let role = Bool.random(using: &generator) ? "web" : "db"
            _ = text.events("\(machine) role=\(role) zone=\(Int.random(in: 1...3, using: &generator))")
        }
        let names = (1...14).map { $0 % 3 == 0 ? "w@\($0)" : "u\($0)" }
        for name in names {
            var words = [name, ["inactive", "loaded", "launched", "launched"].randomElement(using: &generator) ?? ""]
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: words.append("MachineMetadata=role=web")
            case 1: words += ["MachineMetadata=zone=1", "MachineMetadata=zone=2"]
            case 2: words.append("Conflicts=u1*.service")
            case 3: words.append("Conflicts=w@3.service")
            case 4: words.append("MachineOf=\(names.randomElement(using: &generator) ?? "").service")
            case 5: words.append("Replaces=u\(Int.random(in: 1...9, using: &generator)).service")
            case 6: words += ["Global=yes", "Conflicts=u2.service"]
            case 7: words.append("MachineID=aaaaaaaa")
            case 8: words.append(["Ports=80", "Ports=80,53/udp"].randomElement(using: &generator) ?? "")
            default: break
            }
            if hasAliases, Bool.random(using: &generator) { words = words.map { $0.replacing("=u", with: "=a") } }
            if hasAliases, name.hasPrefix("u") {
                words += ["Alias=a\(name.dropFirst()).service", "Alias=a\(name.dropFirst())x.service"]
            }
            _ = text.events(words.joined(separator: " "))
            if Int.random(in: 0..<3, using: &generator) == 0, let machine = machines.randomElement(using: &generator) {
                _ = text.events("\(machine): \(name) launched")
                if Bool.random(using: &generator) { _ = text.events("\(machine)> \(name) launched") }
            }
        }
        return text.state
    }
}

extension Engine {
    /// Its first plan, and what waits then.
    func planned() -> (steps: [ScheduleStep], waiting: [UnitName: Refusal]) {
        var engine = self
        let steps = engine.plan().steps
        return (steps, engine.waiting)
    }
}
