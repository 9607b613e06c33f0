// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("scale")
struct ScaleTests {
    private func fleet(_ instances: [String], text: String = Fixtures.plainText) async throws -> FakeFleet {
        let template = try Fixtures.unit("w@.service", .inactive, text: text)
        return FakeFleet(units: [template] + (try instances.map { try Fixtures.unit($0, text: text) }))
    }

    @Test(
        "instances are planned by their numbers, and requests go out in order",
        arguments: [
            ([], 2, ["create w@1.service launched", "create w@2.service launched"]),
            (["w@1.service", "w@3.service"], 3, ["create w@2.service launched"]),
            (
                ["w@1.service", "w@2.service", "w@3.service"], 1,
                ["set w@3.service inactive", "set w@2.service inactive"]
            ),
            (
                ["w@1.service", "w@10.service", "w@9.service"], 0,
                ["set w@10.service inactive", "set w@9.service inactive", "set w@1.service inactive"]
            ),
            (["w@blue.service", "w@007.service"], 0, []),
            (["w@2.service"], 1, ["create w@1.service launched", "set w@2.service inactive"]),
        ] as [([String], Int, [String])])
    func plan(present: [String], count: Int, requests: [String]) async throws {
        let fleet = try await fleet(present)
        let session = await Session.run("scale w@ \(count) --no-block", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.requests == requests)
    }

    @Test("an instance that is launched and has ended or failed is started again", arguments: ["inactive", "failed"])
    func startsDead(active: String) async throws {
        let machine = Fixtures.machines(1)[0].id
        let units = try [
            Fixtures.unit("w@.service", .inactive), Fixtures.unit("w@1.service", machine: machine),
            Fixtures.unit("w@2.service", machine: machine),
        ]
        let states = [
            Fixtures.state(units[1], on: machine), Fixtures.state(units[2], on: machine, active, "dead"),
        ]
        let fleet = FakeFleet(units: units, states: states)
        let session = await Session.run("scale w@ 2", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.requests == ["restart w@2.service"])
        #expect(session.output.contains("Unit w@2.service launched on 10000000.../172.17.8.101\n"))
    }

    @Test("an instance that was unloaded is started again")
    func restarts() async throws {
        let fleet = FakeFleet(
            units: try [Fixtures.unit("w@.service", .inactive), Fixtures.unit("w@1.service", .inactive)])
        let session = await Session.run("scale w@ 1", on: fleet)
        #expect(session.output == "Unit w@1.service launched on 10000000.../172.17.8.101\n")
        #expect(await fleet.requests == ["set w@1.service launched"])
    }

    @Test("waits as start does, with the reason for a unit that no machine takes")
    func waits() async throws {
        let text = Fixtures.plainText + "[X-Fleet]\nConflicts=w@*\n"
        let fleet = FakeFleet(
            units: [try Fixtures.unit("w@.service", .inactive, text: text)], machines: Fixtures.machines(1))
        let session = await Session.run("scale w@ 2 --timeout 0.5", on: fleet)
        #expect(session.status == .incomplete)
        #expect(session.output == "Unit w@1.service launched on 10000000.../172.17.8.101\n")
        #expect(session.errors.contains("unit w@2.service waits for a machine: no machine is free of conflicts"))
    }

    @Test("a template may come from a file here")
    func file() async throws {
        try await Fixtures.withFolder(["w@.service": Fixtures.plainText]) { folder in
            let fleet = FakeFleet()
            #expect(await Session.run("scale \(folder)/w@.service 1", on: fleet).status == .success)
            #expect(await fleet.requests == ["create w@.service inactive", "create w@1.service launched"])
            // What was used is there for the next call, from wherever it is made.
            #expect(await Session.run("scale w@ 2", on: fleet).status == .success)
            #expect(await fleet.requests.last == "create w@2.service launched")
        }
    }

    @Test("a template's file that has changed since is told of, with what brings it")
    func changedFile() async throws {
        try await Fixtures.withFolder(["w@.service": Fixtures.otherText]) { folder in
            let fleet = try await fleet([])
            let path = "\(folder)/w@.service"
            let session = await Session.run("scale \(path) 1", on: fleet)
            #expect(session.status == .success)
            #expect(
                session.errors == "cluster-manager: template w@.service in the cluster differs from the file here, and "
                    + "its instances run what is there; cluster-manager apply \(path) brings the file\n")
            #expect(await fleet.requests == ["create w@1.service launched"])
            #expect(await Session.run("apply \(path)", on: fleet).status == .success)
            #expect(await Session.run("scale \(path) 1", on: fleet).errors.isEmpty)
            let replaced = Set(await fleet.requests.dropFirst())
            #expect(replaced == ["replace w@.service inactive", "replace w@1.service launched"])
        }
    }

    @Test(
        "what cannot be scaled is refused before anything is sent",
        arguments: [
            ("web 2", "web.service is no template; its name would end in '@', as in web@.service"),
            ("w@1 2", "w@1.service is no template; its name would end in '@', as in w@.service"),
            ("w@ -1", "the number of instances must be from 0 to 10000, not -1"),
            ("w@ 10001", "the number of instances must be from 0 to 10000, not 10001"),
            ("w@ two", "the value 'two' is invalid for '<count>'"),
            ("g@ 1", "g@.service is global"), ("x@ 1", "template x@.service is neither in the cluster nor in a file"),
        ])
    func refusals(arguments: String, message: String) async throws {
        let fleet = FakeFleet(
            units: try [
                Fixtures.unit("w@.service", .inactive),
                Fixtures.unit("g@.service", .inactive, text: Fixtures.globalText),
            ])
        let arguments = arguments.replacing(" -1", with: " -- -1")
        let session = await Session.run("scale \(arguments)", on: fleet)
        #expect(session.status == .failure)
        #expect(session.errors.hasPrefix("cluster-manager: \(message)"), "\(session.errors)")
        #expect(session.errors.count { $0 == "\n" } == 1)
        #expect(await fleet.requests.isEmpty)
    }

    @Test("instances that run another file than the template are told of")
    func outdated() async throws {
        let fleet = FakeFleet(
            units: try [
                Fixtures.unit("w@.service", .inactive), Fixtures.unit("w@1.service", text: Fixtures.otherText),
            ])
        let session = await Session.run("scale w@ 1 --no-block", on: fleet)
        #expect(
            session.errors.hasPrefix(
                "cluster-manager: 1 of the instances run another file than w@.service, and keep it; to give them that one: "
                    + "cluster-manager start --replace 'w@*.service'\n"))
        // The remedy is one, also for a single instance.
        for argument in ["w@*.service", "w@1"] {
            let fleet = FakeFleet(
                units: try [
                    Fixtures.unit("w@.service", .inactive), Fixtures.unit("w@1.service", text: Fixtures.otherText),
                ])
            let remedied = await Session.run(["start", "--replace", "--no-block", argument], on: fleet)
            #expect(remedied.status == .success, "\(remedied.errors)")
            #expect(await fleet.requests == ["replace w@1.service launched"])
            let again = await Session.run(["start", "--replace", "--no-block", argument], on: fleet)
            #expect(again.status == .success)
            #expect(await fleet.requests.count == 1)
        }
    }
}
