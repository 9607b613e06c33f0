// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Glibc
import Registry
import Systemd
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

@Suite("agent with etcd and units in memory", .timeLimit(.minutes(2)))
struct AgentShellTests {
    private let web = UnitName(unchecked: "web.service")
    private let file: UnitFile

    init() throws { file = try .service("1") }

    @Test("an order is claimed, written, started and reported")
    func order() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            #expect(await rig.units.calls == ["link web.service", "start web.service"])
            #expect(rig.base.text("units/web.service") == file.text)
            #expect(rig.base.exists("system/web.service.d/50-flotilla.conf"))
            let state = try #require(try await rig.state(web))
            #expect(state.load == "loaded" && state.sub == "running" && state.health == nil)
            #expect(state.since > 0)
        }
    }

    @Test("the claim is in the store before systemd is asked for anything")
    func claimFirst() async throws {
        let rig = try await AgentRig()
        // Without its file the unit cannot go further than the claim.
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("the claim") { try await rig.state(web) != nil }
            #expect(await rig.units.calls.isEmpty)
        }
    }

    @Test("a mount over the folder of the agent's own program is refused")
    func hidingMount() async throws {
        let program = try #require(HostFiles.target(of: "/proc/self/exe"))
        let top = try #require(program.split(separator: "/").first)
        let mount = UnitName(unchecked: "\(top).mount")
        let file = try UnitFile(parsing: "[Mount]\nWhat=none\nWhere=/\(top)\nType=tmpfs\n")
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(mount, file)
            try await until("the refusal") { try await rig.state(mount)?.health?.contains("would hide") == true }
            #expect(!rig.base.exists("units/\(mount)"))
        }
    }

    @Test(
        "a mount over a link by which the agent was started is refused, as one over the program, and none beside them",
        arguments: [
            ("bin", "bin/agent"), ("build", "build/agent"), ("build/agent", "build/agent"), ("other", nil),
            ("bin/lib", nil),
        ] as [(String, String?)])
    func hidingLink(folder: String, hidden: String?) throws {
        let base = try TemporaryFolder()
        let top = try HostFiles.resolve(base.path)
        for name in ["bin", "build"] { try HostFiles.makeFolder("\(top)/\(name)") }
        try HostFiles.write("x", to: top + "/build/agent")
        try HostFiles.link(top + "/bin/agent", to: "../build/agent")
        let name = "\(top)/\(folder)".dropFirst().map { character -> String in
            switch character {
            case "-": #"\x2d"#
            case "/": "-"
            default: String(character)
            }
        }
        for type in ["mount", "automount"] {
            let unit = UnitName(unchecked: "\(name.joined()).\(type)")
            let refusal = AgentShell.hiding(unit, places: HostFiles.way(to: top + "/bin/agent"))
            if let hidden {
                #expect(refusal?.contains("would hide \(top)/\(hidden),") == true)
            } else {
                #expect(refusal == nil)
            }
        }
    }

    @Test("a unit that is only to be loaded is not started")
    func loaded() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file, .loaded)
            try await until("the loaded unit") { try await rig.state(web)?.acted == .loaded }
            #expect(await rig.units.calls == ["link web.service"])
            try await rig.order(web, file, .launched)
            try await rig.runs(web, file)
            try await rig.order(web, file, .loaded)
            try await until("the stopped unit") { try await rig.state(web)?.active == "inactive" }
            #expect(await rig.units.calls == ["link web.service", "start web.service", "stop web.service"])
        }
    }

    @Test("a unit that is no longer ordered is stopped, its files go, and then its state")
    func removal() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try await rig.withdraw(web)
            try await until("the state's end") { try await rig.states().isEmpty }
            #expect(await rig.units.calls.last == "stop web.service")
            #expect(await !rig.units.isActive("web.service"))
            #expect(HostFiles.names(in: rig.base.path + "/units").isEmpty)
            #expect(HostFiles.names(in: rig.base.path + "/system").isEmpty)
        }
    }

    @Test("a unit that its path or socket starts again at once is taken away all the same")
    func revived() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        await rig.units.setRevived("web.service")
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try await rig.withdraw(web)
            try await until("the state's end") { try await rig.states().isEmpty }
            #expect(await !rig.units.isActive("web.service"))
            #expect(await rig.units.calls.suffix(3) == ["stop web.service", "reload", "stop web.service"])
            #expect(HostFiles.names(in: rig.base.path + "/units").isEmpty)
            #expect(HostFiles.names(in: rig.base.path + "/system").isEmpty)
        }
    }

    @Test("the state stays while the unit takes its time to stop")
    func slowStop() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        await rig.units.setStubborn("web.service")
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try await rig.withdraw(web)
            try await until("the stop") { await rig.units.calls.last == "stop web.service" }
            #expect(try await rig.state(web) != nil)
            try await rig.units.killUnit("web.service", who: .all, signal: SIGKILL)
            try await until("the state's end") { try await rig.states().isEmpty }
        }
    }

    @Test("an agent that starts anew adopts what runs and asks systemd for nothing")
    func adoption() async throws {
        let rig = try await AgentRig()
        let other = UnitName(unchecked: "other.service")
        let idle = UnitName(unchecked: "idle.service")
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.order(other, file)
            try await rig.order(idle, file, .loaded)
            try await rig.runs(web, file)
            try await rig.runs(other, file)
            try await until("the loaded unit") { try await rig.state(idle)?.acted == .loaded }
        }
        let before = try await rig.states()
        await rig.units.forgetCalls()
        try await rig.run { _ in
            // What happens after the start shows that the agent has taken everything in.
            await rig.units.crash("web.service")
            try await until("the new state") { try await rig.state(web)?.active == "failed" }
            try await rig.withdraw(other)
            try await until("the removal") { try await rig.state(other) == nil }
            #expect(await rig.units.touching == ["stop other.service"])
            #expect(try await rig.state(idle) == before.first { $0.unit == idle })
        }
    }

    @Test("orders that came and went while no agent ran are carried out by the next")
    func changesMeanwhile() async throws {
        let rig = try await AgentRig()
        let new = UnitName(unchecked: "new.service")
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
        }
        try await rig.withdraw(web)
        try await rig.order(new, file)
        try await rig.run { _ in
            try await rig.runs(new, file)
            try await until("the former unit's end") { try await rig.state(web) == nil }
            #expect(await !rig.units.isActive("web.service"))
        }
    }

    @Test("a changed file restarts the unit once, from the new file")
    func changedFile() async throws {
        let rig = try await AgentRig()
        let second = try UnitFile.service("2")
        try await rig.store(file)
        try await rig.store(second)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            await rig.units.forgetCalls()
            try await rig.order(web, second)
            try await rig.runs(web, second)
            #expect(await rig.units.calls == ["link web.service", "reload", "restart web.service"])
            #expect(await rig.units.running["web.service"] == second.text)
        }
    }

    @Test("a restart that is asked for is done once, also across a start of the agent")
    func restart() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            await rig.units.forgetCalls()
            try await rig.order(web, file, restarts: 3)
            try await until("the restart") { try await rig.state(web)?.restarts == 3 }
            #expect(await rig.units.calls == ["restart web.service"])
        }
        try await rig.run { _ in
            await rig.units.crash("web.service")
            try await until("the new state") { try await rig.state(web)?.active == "failed" }
            #expect(await rig.units.touching == ["restart web.service"])
        }
    }

    @Test("what a unit does by itself is reported")
    func reports() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            await rig.units.crash("web.service")
            try await until("the failure") { try await rig.state(web)?.active == "failed" }
            // Whether a unit that failed starts again is systemd's business.
            #expect(await rig.units.calls == ["link web.service", "start web.service"])
        }
    }

    @Test("the fence stops units, kills what does not stop, and spares those that are kept")
    func fence() async throws {
        let rig = try await AgentRig()
        let (slow, kept) = (UnitName(unchecked: "slow.service"), UnitName(unchecked: "kept.service"))
        let keptFile = try UnitFile.service("9", more: "[X-Fleet]\nOnDisconnect=keep\n")
        try await rig.store(file)
        try await rig.store(keptFile)
        await rig.units.setStubborn("slow.service")
        try await rig.run { agent in
            try await rig.order(web, file)
            try await rig.order(slow, file)
            try await rig.order(kept, keptFile)
            for unit in [web, slow] { try await rig.runs(unit, file) }
            try await rig.runs(kept, keptFile)
            await rig.units.forgetCalls()
            let kill = MachineClockwork().now + .milliseconds(300)
            await agent.fence(kill: kill)
            #expect(MachineClockwork().now >= kill)
            #expect(await !rig.units.isActive("web.service"))
            #expect(await !rig.units.isActive("slow.service"))
            #expect(await rig.units.isActive("kept.service"))
            let calls = await rig.units.calls
            #expect(calls.contains("kill slow.service 9"))
            #expect(!calls.contains("kill web.service 9") && !calls.contains { $0.contains("kept") })

            // Nothing is begun outside of a session, and all is taken up in the next.
            await rig.units.forgetCalls()
            try await rig.order(web, file, restarts: 1)
            #expect(await rig.units.calls.isEmpty)
            try await rig.beginSession()
            await agent.enter(try await rig.tenure())
            try await rig.runs(web, file)
            try await until("the second start") { await rig.units.isActive("slow.service") }
            #expect(await !rig.units.touching.contains { $0.contains("kept") })
        }
    }

    @Test("an error of systemd that passes is no end: the order is repeated")
    func transientErrors() async throws {
        let rig = try await AgentRig()
        let busy = SystemdError(code: .timedOut, message: "no answer", isTransient: true)
        try await rig.store(file)
        await rig.units.fail("link", "web.service", with: [busy])
        await rig.units.fail("start", "web.service", with: [busy])
        await rig.units.fail("stop", "web.service", with: [busy])
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            let link = "link web.service"
            #expect(await rig.units.calls == [link, link, "start web.service", "start web.service"])
            #expect(try await rig.state(web)?.health == nil)
            await rig.units.forgetCalls()
            try await rig.withdraw(web)
            try await until("the state's end") { try await rig.states().isEmpty }
            #expect(await rig.units.calls == ["stop web.service", "stop web.service"])
        }
    }

    @Test(
        "a start that systemd did not take leaves no note: an agent that is restarted before it tries again starts the unit"
    )
    func refusedStart() async throws {
        let rig = try await AgentRig()
        let busy = SystemdError(code: .timedOut, message: "no answer", isTransient: true)
        try await rig.store(file)
        // More than the first agent lives to see.
        await rig.units.fail("start", "web.service", with: Array(repeating: busy, count: 1000))
        let note = "units.started/web.service"
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("a refused start") { await rig.units.calls.contains("start web.service") }
            try await until("the end of the note") { !rig.base.exists(note) }
        }
        await rig.units.fail("start", "web.service", with: [])
        try await rig.run { _ in try await rig.runs(web, file) }
        #expect(rig.base.text(note) == file.hash.rawValue)
    }

    @Test("a start that systemd refuses is told of with its words, is no start, and is tried again")
    func refusal() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        await rig.units.fail("start", "web.service", with: [SystemdError(code: .noSuchUnit, message: "no such unit")])
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("the refusal") { try await rig.state(web)?.health == "no such unit" }
            #expect(try await rig.state(web)?.acted == .loaded)
            try await rig.runs(web, file)
            #expect(try await rig.state(web)?.health == nil)
        }
    }

    @Test("a unit that systemd loads from another file is refused alone, leaves nothing behind, and is never stopped")
    func stranger() async throws {
        let rig = try await AgentRig()
        let other = UnitName(unchecked: "other.service")
        try await rig.store(file)
        await rig.units.setOrigin("web.service", "/etc/systemd/system/web.service")
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.order(other, file)
            try await until("the refusal") {
                try await rig.state(web)?.health?.contains("/etc/systemd/system/web.service") == true
            }
            try await rig.runs(other, file)
            #expect(!rig.base.exists("units/web.service") && !rig.base.exists("system/web.service.d"))
            try await rig.withdraw(web)
            try await until("the end of the claim") { try await rig.state(web) == nil }
            #expect(await !rig.units.calls.contains("stop web.service"))
        }
    }

    @Test("a unit that systemd knows by another unit's name is refused, leaves nothing behind, and is never stopped")
    func merged() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        await rig.units.setMerged("web.service", into: "machine.service")
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("the refusal") {
                try await rig.state(web)?.health?.contains("knows web.service as another unit's name") == true
            }
            #expect(!rig.base.exists("units/web.service") && !rig.base.exists("system/web.service.d"))
            #expect(await rig.units.touching.isEmpty)
        }
    }

    @Test("a state that somebody has deleted is there again with the unit's next change, or with its order once more")
    func stateDeleted() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        func deleteState() async throws {
            _ = try await rig.registry.store.commit(
                Transaction(then: [.delete(.key(rig.registry.keys.state(rig.machine, web)))]))
            #expect(try await rig.state(web) == nil)
        }
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try await deleteState()
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try await deleteState()
            await rig.units.crash("web.service")
            try await until("the state is back") { try await rig.state(web)?.active == "failed" }
            #expect(await rig.units.calls.count { $0 == "start web.service" } == 1)
        }
    }

    @Test("what is up on the machine before it has a file of ours is not taken over")
    func foreign() async throws {
        let rig = try await AgentRig()
        let (mount, slice, own) = (
            UnitName(unchecked: "tmp-y.mount"), UnitName(unchecked: "bar.slice"), UnitName(unchecked: "ours.slice")
        )
        try await rig.store(file)
        for unit in [mount, slice, own] { await rig.units.setUp(unit.rawValue) }
        await rig.units.setMembers(["machine.service"], ofSlice: "bar.slice")
        await rig.units.setMembers(["web.service"], ofSlice: "ours.slice")
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            for unit in [mount, slice, own] { try await rig.order(unit, file) }
            for (unit, words) in [(mount, "tmp-y.mount active of its own"), (slice, "machine.service in bar.slice")] {
                try await until("\(unit) is refused") { try await rig.state(unit)?.health?.contains(words) == true }
                #expect(!rig.base.exists("units/\(unit)"))
                try await rig.withdraw(unit)
                try await until("the end of its claim") { try await rig.state(unit) == nil }
            }
            try await until("what holds our units alone is ours") { try await rig.state(own)?.acted == .launched }
            #expect(await !rig.units.calls.contains { $0.hasPrefix("stop ") })
        }
    }

    @Test("what is seen between a failed run and the next one is neither an end nor told of")
    func betweenRuns() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            await rig.units.show("web.service", "activating", "auto-restart")
            try await until("it is told of") { try await rig.state(web)?.sub == "auto-restart" }
            await rig.units.show("web.service", "inactive", "dead", job: 7)
            await rig.units.show("web.service", "activating", "start")
            try await until("its next run") { try await rig.state(web)?.sub == "start" }
            await rig.units.show("web.service", "inactive", "dead", job: 8)
            try await until("a stop is told of as ever") { try await rig.state(web)?.active == "inactive" }
        }
    }

    @Test("nothing is started before the note of its start is on disk")
    func noteFirst() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        let obstacle = rig.base.path + "/units.started/web.service.new"
        try HostFiles.makeFolder(obstacle)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("the reason") { try await rig.state(web)?.health?.contains(obstacle) == true }
            #expect(await !rig.units.calls.contains("start web.service"))
            HostFiles.removeEmptyFolder(obstacle)
            try await rig.runs(web, file)
        }
    }

    @Test("a file that systemd does not link costs an agent that begins anew that unit alone")
    func unlinkable() async throws {
        let rig = try await AgentRig()
        let other = UnitName(unchecked: "other.service")
        let new = UnitName(unchecked: "new.service")
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.order(other, file)
            try await rig.runs(web, file)
            try await rig.runs(other, file)
        }
        let broken = SystemdError(code: .fileExists, message: "File exists")
        await rig.units.fail("link", "web.service", with: Array(repeating: broken, count: 100))
        try await rig.run { _ in
            try await rig.order(new, file)
            try await rig.runs(new, file)
            try await until("the reason") { try await rig.state(web)?.health == "File exists" }
            #expect(await rig.units.isActive("other.service"))
        }
    }

    @Test("a unit file that the store lacks is reported, and taken on when it appears")
    func missingFile() async throws {
        let rig = try await AgentRig()
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("the problem") { try await rig.state(web)?.health != nil }
            let state = try #require(try await rig.state(web))
            #expect(state.health == "unit file \(file.hash.short) is missing from the store or damaged")
            #expect(state.load == "error" && state.acted == .inactive)
            try await rig.store(file)
            try await rig.runs(web, file)
            #expect(try await rig.state(web)?.health == nil)
        }
    }

    @Test("a change that overtakes the older answer of systemd is what the store tells", arguments: [true, false])
    func overtaken(atStart: Bool) async throws {
        let rig = try await AgentRig()
        let units = rig.units
        try await rig.store(file)
        if atStart {
            try await rig.run { _ in
                try await rig.order(web, file)
                try await rig.runs(web, file)
            }
        } else {
            try await rig.order(web, file, .loaded)
        }
        let agent = try await rig.agent()
        let listeners = await units.listenerCount
        await units.setBeforeAnswer {
            await eventually { await units.listenerCount > listeners }
            await atStart ? units.crash("web.service") : units.wake("web.service")
            await eventually { await agent.changeMark > 0 }
        }
        await agent.enter(try await rig.tenure())
        try await until("the newer word") { try await rig.state(web)?.active == (atStart ? "failed" : "active") }
        await agent.endTenure()
    }
}
