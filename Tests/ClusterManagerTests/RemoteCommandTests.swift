// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("ssh and journal")
struct RemoteCommandTests {
    private func fleet() throws -> FakeFleet {
        let machines = Fixtures.machines(2)
        let web = try Fixtures.unit("web.service", machine: machines[1].id)
        let log = try Fixtures.unit("log.service", text: Fixtures.globalText)
        let idle = try Fixtures.unit("idle.service", .inactive)
        return FakeFleet(
            units: [web, log, idle], states: machines.map { Fixtures.state(log, on: $0.id) }, machines: machines,
            runsUnits: false)
    }

    @Test(
        "ssh goes to the machine that is meant, with all that stands behind it",
        arguments: [
            ("ssh web uptime", "-- 172.17.8.102 uptime"), ("ssh web.service", "-- 172.17.8.102"),
            ("ssh 1100 ls -l --full", "-- 172.17.8.102 ls -l --full"),
            ("ssh --machine 1000 -- ls -l", "-- 172.17.8.101 ls -l"), ("ssh --unit web", "-- 172.17.8.102"),
            ("ssh -A web", "-A -- 172.17.8.102"),
            ("ssh --forward-agent --ssh-port=2222 web", "-p 2222 -A -- 172.17.8.102"),
            ("ssh --ssh-username core web -- id", "-l core -- 172.17.8.102 id"),
            ("ssh web -- -- x", "-- 172.17.8.102 -- x"),
        ])
    func ssh(arguments: String, words: String) async throws {
        let session = await Session.run(arguments, on: try fleet())
        #expect(session.status == .success, "\(session.errors)")
        #expect(session.words.joined(separator: " ") == "ssh -o ConnectTimeout=10 \(words)")
    }

    @Test(
        "journal --ssh runs journalctl on the unit's machine, words quoted for the shell there",
        arguments: [
            ("journal --ssh web", "journalctl --unit web.service --no-pager --lines 10 --output short"),
            ("journal --ssh -n 3 -f web", "journalctl --unit web.service --no-pager --lines 3 --output short --follow"),
            (
                "journal --ssh --lines=3 --f --output json --sudo web",
                "sudo journalctl --unit web.service --no-pager --lines 3 --output json --follow"
            ),
            (
                "journal --ssh web --since -1h;id --output=cat",
                "journalctl --unit web.service --no-pager '--since=-1h;id' --output cat"
            ),
        ])
    func journal(arguments: String, command: String) async throws {
        let arguments = arguments.replacing("--since ", with: "--since=")
        let session = await Session.run(arguments, on: try fleet())
        #expect(session.words.joined(separator: " ") == "ssh -o ConnectTimeout=10 -- 172.17.8.102 \(command)")
    }

    @Test("on the unit's own machine no ssh is needed")
    func local() async throws {
        let session = await Session.run(
            "journal --ssh web -f", on: try fleet(), localMachine: Fixtures.machines(2)[1].id)
        #expect(session.words.first == "journalctl" && session.words.last == "--follow")
        let sudo = await Session.run(
            "journal --ssh web --sudo", on: try fleet(), localMachine: Fixtures.machines(2)[1].id)
        #expect(sudo.words.prefix(2) == ["sudo", "journalctl"])
    }

    @Test("a global unit's machine must be chosen")
    func global() async throws {
        let session = await Session.run("journal --ssh log", on: try fleet())
        #expect(session.status == .failure)
        #expect(
            session.errors
                == "cluster-manager: unit log.service is global; choose one of its machines with --machine:"
                + " 10000000... 11000000...\n")
        let chosen = await Session.run("journal --ssh log --machine 10000000...", on: try fleet())
        #expect(chosen.words.contains("172.17.8.101"))
    }

    @Test(
        "what cannot be reached is told in one line",
        arguments: [
            ("journal nobody", "there is no unit nobody.service"),
            ("journal --ssh idle", "unit idle.service is on no machine (inactive)"),
            ("ssh nobody ls", "'nobody' is neither a unit nor one machine's name, address or id"),
            ("ssh 1 ls", "'1' is neither a unit"), ("ssh --machine 1", "'1' is too short for a machine's id"),
            ("ssh", "which machine? Name a unit, or a machine by its name, address or id"),
            ("ssh --machine 10 --unit web", "--machine and --unit name one machine each"),
            ("ssh --ssh-port 0 web", "--ssh-port must be a number from 1"),
            ("journal web --lines=-1", "--lines must not be"),
            ("journal web --lines=10001", "--lines can be 10000 at most"),
            ("journal web --output verbose", "--output verbose is none of short"),
            ("journal --ssh web idle", "--ssh reads the journal of one unit"),
            ("journal web --since whenever", "'whenever' is no time for --since"),
            ("journal web --since @20 --until @10", "--since is later than --until"),
            ("journal -f web --until -1h", "-f goes on until ctrl-C, so it does not go with --until; see"),
            ("journal --ssh --follow web --until @10", "-f goes on until ctrl-C, so it does not go with --until; see"),
            ("journal", "missing expected argument"), ("journal x*", "no unit matches"),
        ])
    func failures(arguments: String, message: String) async throws {
        let session = await Session.run(arguments, on: try fleet())
        #expect(session.status == .failure)
        #expect(session.errors.hasPrefix("cluster-manager: \(message)"), "\(session.errors)")
        #expect(session.errors.count { $0 == "\n" } == 1)
        #expect(session.programs.isEmpty)
    }

    @Test(
        "an address from the cluster cannot become an option of ssh",
        arguments: ["-oProxyCommand=id", "a b", "$(id)", ""])
    func address(text: String) async {
        let fleet = FakeFleet(machines: [FleetMachine(id: Fixtures.id("10"), address: text)])
        let session = await Session.run("ssh 1000 ls", on: fleet)
        #expect(session.status == .failure && session.programs.isEmpty)
    }
}
