// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("apply")
struct ApplyTests {
    private let files = [
        "new.service": Fixtures.plainText, "same.service": Fixtures.plainText, "changed.service": Fixtures.otherText,
        "README.md": "no unit",
    ]

    private func fleet() throws -> FakeFleet {
        FakeFleet(
            units: try [
                Fixtures.unit("same.service"), Fixtures.unit("changed.service"), Fixtures.unit("elsewhere.service"),
            ])
    }

    @Test("submits what is new, replaces what changed, leaves the rest")
    func applies() async throws {
        try await Fixtures.withFolder(files) { folder in
            let fleet = try fleet()
            let session = await Session.run("apply \(folder)", on: fleet)
            #expect(session.status == .success)
            #expect(Set(await fleet.requests) == ["create new.service inactive", "replace changed.service launched"])
            #expect(session.output.contains("Unit new.service created\n"))
            #expect(session.output.contains("Unit same.service unchanged\n"))
            #expect(session.output.contains("Unit changed.service launched on 10000000.../172.17.8.101\n"))
            #expect(session.errors == "cluster-manager: 1 created, 1 replaced, 1 unchanged\n")
            let again = await Session.run("apply \(folder)", on: fleet)
            #expect(again.errors == "cluster-manager: 0 created, 0 replaced, 3 unchanged\n")
        }
    }

    @Test(
        "two files of which one takes the other's name are refused together, before anything is sent",
        arguments: ["apply", "start", "submit", "load"])
    func aliases(verb: String) async throws {
        let files = [
            "db.service": Fixtures.plainText, "pg.service": Fixtures.plainText + "[Install]\nAlias=db.service\n",
        ]
        try await Fixtures.withFolder(files) { folder in
            let fleet = try fleet()
            for order in [["db", "pg"], ["pg", "db"]] {
                let paths = order.map { "\(folder)/\($0).service" }.joined(separator: " ")
                let session = await Session.run("\(verb) \(paths)", on: fleet)
                #expect(session.status != .success)
                #expect(session.errors.contains("pg.service and db.service cannot both be units"), "\(session.errors)")
            }
            #expect(await fleet.requests.isEmpty)
            let more = verb == "submit" ? "" : " --no-block"
            #expect(await Session.run("\(verb) \(folder)/pg.service\(more)", on: fleet).status == .success)
        }
    }

    @Test("--dry-run says the same and does nothing")
    func dryRun() async throws {
        try await Fixtures.withFolder(files) { folder in
            let fleet = try fleet()
            let session = await Session.run("apply --dry-run \(folder)", on: fleet)
            #expect(
                session.output == """
                    Unit changed.service would be replaced
                    Unit new.service would be created
                    Unit same.service is unchanged

                    """)
            #expect(await fleet.requests.isEmpty)
        }
    }

    @Test("instances made of a changed template follow it; those with a file of their own do not")
    func instances() async throws {
        let old = Fixtures.plainText
        let fleet = FakeFleet(
            units: try [
                Fixtures.unit("w@.service", .inactive, text: old), Fixtures.unit("w@1.service", text: old),
                Fixtures.unit("w@2.service", .inactive, text: old),
                Fixtures.unit("w@own.service", text: "[Service]\nExecStart=/bin/own\n"),
            ])
        try await Fixtures.withFolder(["w@.service": Fixtures.otherText]) { folder in
            let session = await Session.run("apply \(folder)/w@.service --no-block", on: fleet)
            #expect(session.status == .success)
            #expect(
                session.errors.contains(
                    "1 of the instances of w@.service run another file, and keep it; to give them that one: "
                        + "cluster-manager start --replace 'w@*.service'\n"))
            #expect(
                Set(await fleet.requests) == [
                    "replace w@.service inactive", "replace w@1.service launched", "replace w@2.service inactive",
                ])
        }
    }

    @Test("instances that were made of a file here are told of when their template comes into the cluster")
    func newTemplate() async throws {
        let fleet = FakeFleet(units: try [Fixtures.unit("w@1.service", text: Fixtures.plainText)])
        try await Fixtures.withFolder(["w@.service": Fixtures.otherText]) { folder in
            let session = await Session.run("apply \(folder)/w@.service", on: fleet)
            #expect(session.errors.contains("1 of the instances of w@.service run another file, and keep it"))
            #expect(await fleet.requests == ["create w@.service inactive"])
        }
    }

    @Test("nothing is sent when one file is wrong")
    func wrongFile() async throws {
        try await Fixtures.withFolder(["a.service": Fixtures.plainText, "b.service": "nonsense\n"]) { folder in
            let fleet = FakeFleet()
            let session = await Session.run("apply \(folder)", on: fleet)
            #expect(session.status == .failure)
            #expect(session.errors.contains("b.service: line 1:"))
            let twice = await Session.run("apply \(folder)/a.service \(folder)/../\(folder)/a.service", on: fleet)
            #expect(twice.status == .failure)
            #expect(await fleet.requests.isEmpty)
        }
    }

    @Test("a running unit goes through a stop on its way to the new file, and that is not taken for its end")
    func transition() throws {
        let unit = try Fixtures.unit("web.service", machine: "m", text: Fixtures.otherText)
        let before = try Fixtures.state(Fixtures.unit("web.service", machine: "m"), on: "m", since: 1000)
        let between = Fixtures.state(unit, on: "m", "inactive", "dead", since: 2000)
        let goal = WaitGoal(unit.name, .running, before: before, hash: unit.hash)
        let view = FleetView(units: [unit], states: [between])
        #expect(goal.verdict(in: view, attention: .zero) == .pending(reason: nil))
        guard case .reached = goal.verdict(in: view, attention: WaitGoal.staleness) else {
            Issue.record("a oneshot that has run is never done")
            return
        }
    }
}
