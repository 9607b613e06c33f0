// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("explain and metadata")
struct ExplainTests {
    private let text = """
        [Service]
        ExecStart=/bin/a
        [X-Fleet]
        MachineMetadata=role=db
        Conflicts=other*

        """

    private func machines() -> [FleetMachine] {
        var machines = Fixtures.machines(3)
        machines[0].metadata = ["role": "db"]
        machines[1].metadata = ["role": "db"]
        return machines
    }

    @Test("each rule's count, an example, and the engine's reason")
    func nowhere() async throws {
        let machines = machines()
        let other = try Fixtures.unit("other.service", machine: machines[0].id)
        let pinned = try Fixtures.unit(
            "pin.service", machine: machines[1].id, text: Fixtures.plainText + "[X-Fleet]\nConflicts=web.service\n")
        let web = try Fixtures.unit("web.service", reason: "0 of 3 machines can take it", text: text)
        let fleet = FakeFleet(units: [other, pinned, web], machines: machines, runsUnits: false)
        let session = await Session.run("explain web", on: fleet)
        #expect(
            session.output == """
                web.service is to be launched, and is inactive.
                MachineMetadata=role=db refuses 1 of 3 machines, such as 12000000...
                Conflicts=other* refuses 2 of 3 machines, such as 10000000..., which has other.service
                0 of 3 machines pass all rules now.
                It is on no machine: 0 of 3 machines can take it

                """)
        #expect(session.status == .success)
        let json = await Session.run("explain web --output json", on: fleet)
        #expect(json.output.contains("\"eligible\" : 0"))
    }

    @Test(
        "a unit to be beside is told apart by whether it is elsewhere, on no machine, or does not exist",
        arguments: [
            (true, true, ""), (true, false, ": db.service, which it is to be beside, is on no machine"),
            (false, false, ": there is no unit db.service in the cluster"),
        ])
    func neighbour(exists: Bool, isPlaced: Bool, cause: String) async throws {
        let web = try Fixtures.unit("web.service", text: Fixtures.plainText + "[X-Fleet]\nMachineOf=db.service\n")
        let machines = Fixtures.machines(2)
        let db =
            try isPlaced ? Fixtures.unit("db.service", machine: machines[1].id) : Fixtures.unit("db.service", .inactive)
        let fleet = FakeFleet(units: exists ? [web, db] : [web], machines: machines, runsUnits: false)
        let session = await Session.run("explain web", on: fleet)
        let refusing = isPlaced ? 1 : 2
        #expect(
            session.output.contains(
                "MachineOf=db.service refuses \(refusing) of 2 machines, such as 10000000..., where db.service is not\(cause)\n"
            ), "\(session.output)")
    }

    @Test("a port that another unit has is named with that unit")
    func ports() async throws {
        let machines = Fixtures.machines(2)
        let web = try Fixtures.unit("web.service", text: Fixtures.plainText + "[X-Fleet]\nPorts=53/udp, 80\n")
        let other = try Fixtures.unit(
            "other.service", machine: machines[0].id, text: Fixtures.plainText + "[X-Fleet]\nPorts=80/tcp\n")
        let plain = try Fixtures.unit("plain.service", machine: machines[1].id)
        let fleet = FakeFleet(units: [web, other, plain], machines: machines, runsUnits: false)
        let output = await Session.run("explain web", on: fleet).output
        #expect(
            output.contains(
                "Ports=53/udp,80/tcp refuses 1 of 2 machines, such as 10000000..., where port 80/tcp is taken by other.service\n"
            ), "\(output)")
        #expect(output.contains("1 of 2 machines passes all rules now.\n"), "\(output)")
        #expect(await !Session.run("explain plain", on: fleet).output.contains("Ports="))
    }

    @Test("a rule that names an alias means the unit that has it, and the unit is named by its own name")
    func alias() async throws {
        let machines = Fixtures.machines(2)
        let pg = try Fixtures.unit(
            "pg2.service", machine: machines[0].id, text: Fixtures.plainText + "[Install]\nAlias=db.service\n")
        let web = try Fixtures.unit("web.service", text: Fixtures.plainText + "[X-Fleet]\nMachineOf=db.service\n")
        let far = try Fixtures.unit("far.service", text: Fixtures.plainText + "[X-Fleet]\nConflicts=d?.service\n")
        let fleet = FakeFleet(units: [pg, web, far], machines: machines, runsUnits: false)
        let beside = await Session.run("explain web", on: fleet).output
        #expect(
            beside.contains(
                "MachineOf=db.service refuses 1 of 2 machines, such as 11000000..., where db.service is not\n"),
            "\(beside)")
        let apart = await Session.run("explain far", on: fleet).output
        #expect(
            apart.contains(
                "Conflicts=d?.service refuses 1 of 2 machines, such as 10000000..., which has pg2.service (db.service)\n"
            ), "\(apart)")
    }

    @Test("a machine that can take no units counts as none, and is named with its reason")
    func unable() async throws {
        var machines = machines()
        machines[0].isClosed = true
        machines[0].trouble = "it takes no new units, since its runtime folder takes no files"
        // It takes units all the same.
        machines[1].trouble = "its clock is off"
        let words = "1 of 3 machines can take no units now: 10000000.../172.17.8.101: \(machines[0].trouble)\n"
        let plain = try Fixtures.unit("plain.service")
        let web = try Fixtures.unit("web.service", text: text)
        let fleet = FakeFleet(units: [plain, web], machines: machines, runsUnits: false)
        let free = await Session.run("explain plain", on: fleet)
        #expect(free.output.contains(words + "It has no rules: any of 2 machines would do.\n"), "\(free.output)")
        let ruled = await Session.run("explain web", on: fleet)
        #expect(
            ruled.output.contains(words + "1 of 3 machines passes all rules and takes it now.\n"), "\(ruled.output)")
        let json = await Session.run("explain web --output json", on: fleet).output
        #expect(json.contains("\"eligible\" : 1") && json.contains("\"trouble\" : \"it takes no new units"), "\(json)")
        #expect(!json.contains("its clock is off"))
    }

    @Test("why a unit that is placed does not run is told by explain and status, in systemd's words")
    func notStarted() async throws {
        let machines = machines()
        let web = try Fixtures.unit("web.service", machine: machines[1].id, text: text)
        var state = Fixtures.state(web, on: machines[1].id, "inactive", "dead")
        state.health = "systemd: Unit absent.service not found."
        let fleet = FakeFleet(units: [web], states: [state], machines: machines, runsUnits: false)
        let explanation = await Session.run("explain web", on: fleet)
        #expect(explanation.output.contains("102: inactive (dead): systemd: Unit absent.service not found.\n"))
        let explained = await Session.run("explain web --output json", on: fleet)
        #expect(explained.output.contains("\"health\" : \"systemd: Unit"), "\(explained.output)")
        let status = await Session.run("status web", on: fleet)
        #expect(status.output.contains("\n     Reason: systemd: Unit absent.service not found.\n"))
        let json = await Session.run("status web --output json", on: fleet)
        #expect(json.output.contains("\"health\" : \"systemd: Unit"))
    }

    @Test(
        "a unit that was started and does not run is what systemd says",
        arguments: [
            ("inactive", "inactive"), ("failed", "failed"), ("activating", "activating"), ("active", "launched"),
            ("reloading", "launched"), ("", "launched"),
        ])
    func stateInWords(active: String, word: String) async throws {
        let machines = machines()
        let web = try Fixtures.unit("web.service", machine: machines[1].id)
        let log = try Fixtures.unit("log.service", text: Fixtures.globalText)
        let states = [
            Fixtures.state(web, on: machines[1].id, active, "x"), Fixtures.state(log, on: machines[1].id, active, "x"),
        ]
        let fleet = FakeFleet(units: [web, log], states: states, machines: machines, runsUnits: false)
        #expect(
            await Session.run("explain web", on: fleet).output.hasPrefix(
                "web.service is to be launched, and is \(word).\n"))
        // A global unit has a state on each machine.
        #expect(
            await Session.run("explain log", on: fleet).output.hasPrefix(
                "log.service is to be launched on every machine that qualifies.\n"))
    }

    @Test("why a unit is where it is")
    func somewhere() async throws {
        let machines = machines()
        let web = try Fixtures.unit("web.service", machine: machines[1].id, text: text)
        let fleet = FakeFleet(
            units: [web], states: [Fixtures.state(web, on: machines[1].id)], machines: machines, runsUnits: false)
        let session = await Session.run("explain web", on: fleet)
        #expect(session.output.hasPrefix("web.service is to be launched, and is launched.\n"))
        #expect(session.output.contains("On 11000000.../172.17.8.102: active (running)\n"))
        #expect(
            session.output.contains(
                "\n2 of 3 machines pass all rules now.\nOf those the scheduler takes the one with the fewest"))
    }

    @Test("a unit that nobody wants anywhere, and one that does not exist")
    func others() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service", .inactive)])
        let idle = await Session.run("explain web", on: fleet)
        #expect(idle.output.contains("Nobody has asked for it to be on a machine; 'load' or 'start' would.\n"))
        let none = await Session.run("explain nobody", on: fleet)
        #expect(none.status == .failure && none.errors.hasPrefix("cluster-manager: there is no unit nobody.service"))
    }

    @Test("metadata are set, deleted and shown, of the machine whose id begins so")
    func metadata() async throws {
        var machines = Fixtures.machines(2)
        machines[0].name = "worker-1"
        let fleet = FakeFleet(machines: machines)
        let set = await Session.run("metadata set 1000 role=db zone=a", on: fleet)
        #expect(set.output == "Machine worker-1 (10000000): role=db,zone=a\n")
        let delete = await Session.run("metadata delete 10000000... zone", on: fleet)
        #expect(delete.output == "Machine worker-1 (10000000): role=db\n")
        let show = await Session.run("metadata show --no-legend", on: fleet)
        #expect(show.output == "10000000...  role=db\n11000000...  -\n")
        #expect(
            await fleet.requests == [
                "metadata 10000000 role=db", "metadata 10000000 zone=a", "metadata 10000000 -zone",
            ])
    }

    @Test(
        "wrong metadata are refused before anything is sent",
        arguments: [
            ("set 1000 role", "'role' is not of the form key=value"), ("set 1000 role=", "'role=' has no value"),
            ("set 1000 a=b=c", "'a=b=c' holds a second '='"), ("set 1000 a/b=c", "'a/b' is no key"),
            ("set 1000 a=b c=d a=e", "the key 'a' is given twice; a machine has one value for each"),
            ("delete 1000 =", "'=' is no key"), ("set 1000 ..=b", "'..' is no key"),
            ("set 1 a=b", "'1' is too short for a machine's id; write its name, its address or at least 4 digits"),
            ("set zz a=b", "no machine has the name or address 'zz', or an id that begins so; see"),
        ])
    func refusals(arguments: String, message: String) async {
        let fleet = FakeFleet()
        let session = await Session.run("metadata \(arguments)", on: fleet)
        #expect(session.status == .failure)
        #expect(session.errors.hasPrefix("cluster-manager: \(message)"), "\(session.errors)")
        #expect(await fleet.requests.isEmpty)
    }
}
