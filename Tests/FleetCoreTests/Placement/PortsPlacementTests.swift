// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Placement of units that ask for ports")
struct PortsPlacementTests {
    @Test(
        "two units with one port share no machine, and the refusal names the port and who has it", arguments: ruleTables
    )
    func rules(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("a new file takes ports and gives them back", arguments: changeTables)
    func changes(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("no machine is ordered two units with one port, whatever users change", arguments: UInt64(0)..<60)
    func neverTogether(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var text = ClusterText()
        var engine = Engine()
        engine.handle(text.events("A") + text.events("B"), revision: 1)
        var lines = (0..<60).map { _ in Self.change(&generator) }
        lines += ["z1", "z2", "z3"].map { "\($0) launched Ports=80" }
        for (index, line) in lines.enumerated() {
            engine.handle(text.events(line), revision: Int64(index * 3 + 2))
            // Once for what has to go, once for what comes in its place.
            for round in 0..<2 { Self.carryOut(&engine, &text, revision: Int64(index * 3 + 3 + round)) }
            for machine in ["A", "B"].map({ Short.machine($0) }) {
                let ports = text.state.units(on: machine).flatMap { Self.ports(of: $0, on: machine, text) }
                #expect(Set(ports).count == ports.count, "seed \(seed), after \(line): \(machine.short) has \(ports)")
            }
        }
        // Three want a port that two machines have.
        #expect(engine.waiting.values.contains { $0.description.contains("port 80/tcp is taken by") }, "seed \(seed)")
    }

    private static func change(_ generator: inout SeededGenerator) -> String {
        let name = ["a", "b", "w@1", "w@2", "w@3", "g"].randomElement(using: &generator) ?? ""
        if Int.random(in: 0..<6, using: &generator) == 0 { return "-" + name }
        let ports = ["Ports=80", "Ports=80/udp", "Ports=80,81", "Ports=81/tcp,82", "Ports="]
        let target = ["inactive", "loaded", "launched", "launched"].randomElement(using: &generator) ?? ""
        return "\(name) \(target) \(ports.randomElement(using: &generator) ?? "") Global=\(name == "g")"
    }

    /// The engine's steps take place, and the machines do as they are told at once.
    private static func carryOut(_ engine: inout Engine, _ text: inout ClusterText, revision: Int64) {
        let steps = engine.plan().steps
        var events: [ClusterEvent] = []
        for change in steps.flatMap(\.changes) {
            events.append(text.apply(change))
            switch change {
            case .assign(let order):
                let line = "\(Short.text(order.machine))> \(Short.text(order.unit)) \(order.target.rawValue)"
                events += text.events(line)
            case .withdraw(let machine, let unit):
                events += text.events("-\(Short.text(machine))> \(Short.text(unit))")
            }
        }
        engine.committed(steps, at: revision)
        engine.handle(events, revision: revision)
    }

    /// The ports of the file that the machine is ordered to run.
    private static func ports(of unit: UnitName, on machine: MachineID, _ text: ClusterText) -> [Port] {
        guard let order = text.state.assignments[unit]?[machine], let file = text.files.file(order.hash) else {
            return []
        }
        return SchedulingOptions(of: file, for: unit).ports
    }

    static let ruleTables = [
        NamedScript(
            "one port of two units",
            """
            A; web launched Ports=8080 => A: web launched
            db launched Ports=8080/tcp => -
            why db => 0 of 1 machines can take it: Ports refuses 1 (port 8080/tcp is taken by web.service on aaaaaaaa)
            B => B: db launched
            """),
        NamedScript(
            "the same number of another protocol",
            """
            A; dns launched Ports=53/udp => A: dns launched
            zone launched Ports=53 => A: zone launched
            """),
        NamedScript(
            "one of several ports",
            """
            A; web launched Ports=8080,9000/udp => A: web launched
            log launched Ports=9001,9000/udp => -
            why log => 0 of 1 machines can take it: Ports refuses 1 (port 9000/udp is taken by web.service on aaaaaaaa)
            """),
        NamedScript(
            "the instances of a template",
            """
            A; B; w@1 launched Ports=80; w@2 launched Ports=80; w@3 launched Ports=80 => A: w@1 launched | B: w@2 launched
            why w@3 => 0 of 2 machines can take it: Ports refuses 2 (port 80/tcp is taken by w@1.service on aaaaaaaa)
            """),
        NamedScript(
            "a port is taken until its machine has stopped the unit",
            """
            A; web launched Ports=80 => A: web launched
            A> web launched; db launched Ports=80; -web => -A: web
            why db => 0 of 1 machines can take it: Ports refuses 1 (port 80/tcp is taken by web.service on aaaaaaaa)
            -A> web => A: db launched
            """),
        NamedScript(
            "a global unit takes its port on each machine that has it free",
            """
            A; web launched Ports=80 => A: web launched
            B; log launched Global=true Ports=80 => B: log launched
            -web => -A: web
            => A: log launched
            web launched => -
            why web => 0 of 2 machines can take it: Ports refuses 2 (port 80/tcp is taken by log.service on aaaaaaaa)
            C => C: log launched
            """),
        NamedScript(
            "a unit that is to be beside one with its port",
            """
            A; web launched Ports=80 => A: web launched
            log launched Ports=80 MachineOf=web.service => -
            why log => 0 of 1 machines can take it: Ports refuses 1 (port 80/tcp is taken by web.service on aaaaaaaa)
            """),
        NamedScript(
            "a unit that replaces one with its port waits until that one is gone",
            """
            A; old launched Ports=80 => A: old launched
            A> old launched; new launched Ports=80 Replaces=old.service => -
            why new => 0 of 1 machines can take it: Ports refuses 1 (port 80/tcp is taken by old.service on aaaaaaaa)
            -old => -A: old
            -A> old => A: new launched
            """),
        NamedScript(
            "a unit's own port is not what keeps it on a machine that is being drained",
            """
            A; B; web launched Ports=80; db launched Ports=80; A: web launched; B: db launched => -
            A> web launched; B> db launched; drain A => -
            held web => 0 of 2 machines can take it: Ports refuses 1 (port 80/tcp is taken by db.service on bbbbbbbb), 1 machine is cordoned (such as aaaaaaaa)
            """),
    ]

    static let changeTables = [
        NamedScript(
            "a port that a neighbour has",
            """
            A; B; web launched Ports=80; log launched; A: web launched; A: log launched; A> log launched => -
            log launched Ports=80 v2 => -A: log
            -A> log => B: log launched v2
            """),
        NamedScript(
            "a port that nobody has, and its own once more",
            """
            A; web launched Ports=80; log launched Ports=90 => A: log launched | A: web launched
            web launched Ports=80,81 v2 => A: web launched v2
            db launched Ports=81 => -
            why db => 0 of 1 machines can take it: Ports refuses 1 (port 81/tcp is taken by web.service on aaaaaaaa)
            """),
        NamedScript(
            "a port that is given back",
            """
            A; web launched Ports=80 => A: web launched
            db launched Ports=80 => -
            web launched Ports=81 v2 => A: db launched | A: web launched v2
            """),
        NamedScript(
            "a port for a global unit",
            """
            A; B; web launched Ports=80; A: web launched; log launched Global=true => A: log launched | B: log launched
            log launched Global=true Ports=80 v2 => -A: log | B: log launched v2
            """),
        NamedScript(
            "two that got together while a leader was lost are parted",
            """
            A; B; web launched Ports=80; db launched Ports=80; A: web launched; A: db launched => -A: db
            => B: db launched
            """),
        NamedScript(
            "a global unit that got together with another one leaves that machine",
            """
            A; B; log launched Global=true Ports=80; web launched Ports=80; A: log launched; B: log launched; A: web launched => -A: log
            => -
            """),
        NamedScript(
            "who has a port stays while a neighbour's new file asks for it, whoever is decided first",
            """
            A; B; a launched Ports=80; b launched; A: a launched; A: b launched; A> a launched; A> b launched => -
            a launched #1; b launched Ports=80 v2 => A: a launched #1 | -A: b
            -A> b => B: b launched v2
            """),
        NamedScript(
            "what a new leader finds taken",
            """
            A; web launched Ports=80 => A: web launched
            A> web launched; takeover => -
            db launched Ports=80 => -
            """),
    ]
}
