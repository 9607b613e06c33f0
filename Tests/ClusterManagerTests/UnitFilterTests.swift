// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import FoundationEssentials
import Testing

@Suite("limits and further columns of listings")
struct UnitFilterTests {
    /// Two machines: `one`, whose id begins with 10, and `two`, with 11.
    private func fleet() throws -> FakeFleet {
        var machines = Fixtures.machines(2)
        (machines[0].name, machines[1].name) = ("one", "two")
        let (one, two) = (machines[0].id, machines[1].id)
        let web = try Fixtures.unit("web.service", machine: one)
        let bad = try Fixtures.unit("bad.service", machine: two)
        let job = try Fixtures.unit("job.service", machine: one)
        let first = try Fixtures.unit("w@1.service", machine: one)
        let second = try Fixtures.unit("w@2.service", machine: two)
        let tick = try Fixtures.unit("tick.timer", machine: two)
        let named = try Fixtures.unit(
            "pg.service", machine: two, text: Fixtures.plainText + "[Install]\nAlias=db.service\n")
        return FakeFleet(
            units: [web, bad, job, first, second, tick, named],
            states: [
                Fixtures.state(web, on: one), Fixtures.state(bad, on: two, "failed", "failed"),
                Fixtures.state(job, on: one, "active", "exited"), Fixtures.state(first, on: one, "activating", "start"),
                Fixtures.state(second, on: two, "inactive", "dead", load: "bad-setting"),
                Fixtures.state(tick, on: two, "active", "waiting"), Fixtures.state(named, on: two),
            ], machines: machines, runsUnits: false)
    }

    private static func unit(_ name: String) -> String { name.contains(".") ? name : name + ".service" }

    @Test(
        "list-units is limited by machine, state, names and patterns, by all that are given",
        arguments: [
            ("", "bad job pg tick.timer w@1 w@2 web"), ("--machine one", "job w@1 web"),
            ("--machine 1100", "bad pg tick.timer w@2"), ("--machine 172.17.8.101", "job w@1 web"),
            ("--machine one --machine two", "bad job pg tick.timer w@1 w@2 web"), ("--failed", "bad"),
            ("--state failed", "bad"), ("--state failed,exited", "bad job"),
            ("--state failed --state exited", "bad job"),
            ("--state active", "job pg tick.timer web"), ("--state bad-setting", "w@2"),
            ("--failed --state activating", "bad w@1"), ("--failed --machine one", ""), ("--state nonsense", ""),
            ("web", "web"), ("web.service w@2", "w@2 web"), ("w@*", "w@1 w@2"), ("w*", "w@1 w@2 web"),
            ("tick", ""), ("tick.timer", "tick.timer"), ("*.timer", "tick.timer"), ("db", "pg"), ("nobody", ""),
            ("w@* --machine two", "w@2"), ("w@* bad --state inactive,failed", "bad w@2"),
        ])
    func limits(arguments: String, units: String) async throws {
        let session = await Session.run("list-units --no-legend --fields unit \(arguments)", on: try fleet())
        let expected = units.split(separator: " ").map { Self.unit(String($0)) + "\n" }.joined()
        #expect(session.output == expected)
        #expect(session.status == .success && session.errors.isEmpty, "\(session)")
    }

    @Test("names are looked up at the same time, for each may take a round trip")
    func atOnce() async throws {
        let fleet = try fleet()
        await fleet.gatherQuestions(3)
        let session = await Session.run("list-units --no-legend --fields unit web bad job", on: fleet)
        #expect(session.output == "bad.service\njob.service\nweb.service\n", "\(session)")
        #expect(await fleet.mostOpenQuestions == 3)
    }

    @Test(
        "what limits nothing is told",
        arguments: [
            ("--machine nowhere", "no machine has the name or address 'nowhere'"),
            ("--machine 1", "'1' is too short for a machine's id"), ("--state failed,,exited", "--state takes words"),
            ("web[", "'web[' is no valid pattern"), ("a/", ""),
        ])
    func mistakes(arguments: String, words: String) async throws {
        let session = await Session.run("list-units \(arguments)", on: try fleet())
        #expect(session.status == .failure && session.output.isEmpty, "\(session)")
        #expect(session.errors.hasPrefix("cluster-manager: \(words)"), "\(session.errors)")
    }

    @Test("list-unit-files is limited by names and patterns")
    func unitFiles() async throws {
        for (arguments, units) in [("w@*", "w@1 w@2"), ("web db", "pg web"), ("zebra*", "")] {
            let session = await Session.run("list-unit-files --no-legend --fields unit \(arguments)", on: try fleet())
            let expected = units.split(separator: " ").map { Self.unit(String($0)) + "\n" }.joined()
            #expect(session.output == expected && session.status == .success, "\(arguments): \(session)")
        }
    }

    @Test("limits hold for JSON, too")
    func json() async throws {
        struct Line: Decodable { let unit: String }
        let session = await Session.run("list-units --failed --output json", on: try fleet())
        #expect(try JSONDecoder().decode([Line].self, from: Data(session.output.utf8)).map(\.unit) == ["bad.service"])
    }

    @Test(
        "a person is told that nothing is left, and not that there are no units",
        arguments: ["list-units", "list-unit-files"])
    func nothing(verb: String) async throws {
        let captured = CapturedConsole()
        let terminal = Console.Stream(isTerminal: true) { captured.console.output.write($0) }
        let fleet = try fleet()
        let person = Program(
            console: Console(output: terminal, errors: captured.console.errors), environment: [:],
            connect: { _ in fleet })
        #expect(await person.run([verb, "zebra*"]) == .success)
        #expect(captured.output.isEmpty && captured.errors == "there are no such units\n")
    }

    @Test("why a unit waits stands last among the unit files, where one does and no columns are chosen")
    func reasons() async throws {
        let near = try Fixtures.unit("near.service", machine: Fixtures.id("10"))
        let far = try Fixtures.unit("far.service", reason: "0 of 5 machines can take it")
        let all = await Session.run("list-unit-files", on: FakeFleet(units: [near, far], runsUnits: false)).output
        let lines = all.split(separator: "\n")
        #expect(lines.first?.hasSuffix("  REASON") == true, "\(all)")
        #expect(
            lines.first { $0.hasPrefix("far.service ") }?.hasSuffix("  0 of 5 machines can take it") == true, "\(all)")
        #expect(lines.first { $0.hasPrefix("near.service ") }?.hasSuffix("  -") == true, "\(all)")
        let fine = await Session.run("list-unit-files", on: FakeFleet(units: [near], runsUnits: false)).output
        #expect(!fine.contains("REASON"), "\(fine)")
        let chosen = await Session.run(
            "list-unit-files --no-legend --fields unit", on: FakeFleet(units: [near, far], runsUnits: false)
        ).output
        #expect(chosen == "far.service\nnear.service\n")
        let other = await Session.run("list-unit-files near", on: FakeFleet(units: [near, far], runsUnits: false))
            .output
        #expect(!other.contains("REASON"), "\(other)")
    }
}
