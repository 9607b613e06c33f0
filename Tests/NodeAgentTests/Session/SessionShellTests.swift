// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import TestSupport
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

@Suite("session with etcd", .timeLimit(.minutes(2)))
struct SessionShellTests {
    @Test("a session is entered, written down and renewed")
    func entersAndRenews() async throws {
        // Long enough that a busy host does not end the session by itself.
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 12)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let tenure = try required(notes.entered.first)
            #expect(tenure.machine == rig.machine)
            #expect(notes.words.contains("in the cluster, session of 12 s"))
            #expect(await shell.currentLease == SessionLease(id: tenure.lease.rawValue, ttl: 12))
            let record = try required(try await rig.record())
            #expect(record.lease == tenure.lease && record.modRevision == tenure.recordRevision)
            try await until("the session on file") { rig.saved.lease == tenure.lease.rawValue }
            #expect(rig.saved.ttl == 12 && rig.saved.storeID != nil)
            let first = rig.proof
            try await until("a renewal") { rig.proof > first }
            #expect(rig.saved.lease == tenure.lease.rawValue)
        }
    }

    @Test("an agent that starts anew in time goes on with its session, in a new tenure")
    func resumes() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        let first = try await tenure(of: rig)
        let token = rig.saved.token
        let second = try await tenure(of: rig)
        #expect(second.lease == first.lease)
        #expect(second.recordRevision > first.recordRevision)
        #expect(rig.saved.token == token)
        #expect(try await rig.record()?.modRevision == second.recordRevision)
    }

    @Test("a session whose run was killed while it stopped its units is given up: what it left behind is not adopted")
    func killedWhileLeaving() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        var first: Tenure?
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            first = notes.entered.first
            await shell.prepareToLeave()
            // Here it is killed: neither does it end its session, nor is it left for the next run.
        }
        let former = try required(first)
        #expect(rig.saved.lease == former.lease.rawValue && rig.saved.mustFence == true)
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            #expect(notes.fences.count == 1, "what still runs is stopped first")
            #expect(notes.entered.first?.lease != former.lease)
            try await until("the new session on file") { rig.saved.lease == notes.entered.first?.lease.rawValue }
            #expect(rig.saved.mustFence == nil)
        }
        #expect(try await tenure(of: rig).lease.rawValue == rig.saved.lease, "the next run resumes as ever")
    }

    @Test(
        "nothing is begun under a session that is not on disk; the machine says so, and goes on when it can be written")
    func unsaved() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        let obstacle = rig.file.path + ".spare"
        try HostFiles.makeFolder(obstacle)
        try await rig.run { shell, notes in
            try await until("the machine says so in its record") {
                guard let value = try await rig.record()?.value else { return false }
                return String(decoding: value, as: UTF8.self).contains("its session cannot be saved")
            }
            #expect(notes.entered.isEmpty)
            // Another reason to write the record does not begin a tenure either.
            await shell.announce(agentTrouble: "no room")
            #expect(notes.entered.isEmpty)
            HostFiles.removeEmptyFolder(obstacle)
            try await until("entering") { !notes.entered.isEmpty }
            #expect(rig.saved.lease == notes.entered.first?.lease.rawValue)
            try await until("the machine says no more of it") {
                guard let value = try await rig.record()?.value else { return false }
                return !String(decoding: value, as: UTF8.self).contains("cannot be saved")
            }
        }
    }

    @Test("what keeps a machine from its work when it starts is in its first record")
    func closedFromTheStart() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        try await rig.run(agentTrouble: "no room") { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let record = try required(try await rig.record())
            #expect(record.createRevision == record.modRevision, "it was written once")
            let machine = try required(try await rig.registry().machines().first { $0.id == rig.machine })
            #expect(machine.isClosed && machine.trouble == "no room")
        }
    }

    @Test("a machine that leaves and cannot write that down forgets its session")
    func leavesUnsaved() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            try HostFiles.remove(rig.file.path + ".spare")
            try HostFiles.makeFolder(rig.file.path + ".spare")
            await shell.prepareToLeave()
            #expect(rig.file.saved() == nil)
        }
    }

    /// Runs an agent until its session is on file.
    private func tenure(of rig: SessionRig) async throws -> Tenure {
        var tenure: Tenure?
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            tenure = notes.entered.first
            let lease = tenure?.lease.rawValue
            try await until("the session on file") { rig.saved.lease == lease && rig.saved.proof > 0 }
            #expect(notes.fences.isEmpty)
        }
        return try required(tenure)
    }

    @Test("a session that ended while the agent was away is fenced before a new one begins")
    func savedSessionIsGone() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        let first = try await tenure(of: rig)
        try await rig.server.client().revoke(first.lease)
        try await rig.run { _, notes in
            try await until("a new session") { !notes.entered.isEmpty }
            #expect(notes.fences.count == 1)
            #expect(notes.entered.first?.lease != first.lease)
        }
    }

    @Test("a lease that is revoked behind the agent's back fences it, and a new session follows")
    func revoked() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 12)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let first = try required(notes.entered.first)
            try await rig.server.client().revoke(first.lease)
            try await until("the fence") { !notes.fences.isEmpty }
            try await until("a new session") { notes.entered.count == 2 }
            let second = try required(notes.entered.last)
            #expect(second.lease != first.lease)
            #expect(notes.fences.count == 1)
            #expect(notes.words.contains("fenced: no proof that the session lives"))
            #expect(try await rig.record()?.lease == second.lease)
            #expect(await shell.currentLease?.id == second.lease.rawValue)
        }
    }

    @Test("a record that somebody deletes is noticed: the machine fences, as it counts as lost, and registers anew")
    func recordDeleted() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let first = try required(notes.entered.first)
            let registry = try rig.registry()
            _ = try await rig.server.client().delete(.key(registry.keys.machine(rig.machine)))
            try await until("a new session") { notes.entered.count == 2 }
            let second = try required(notes.entered.last)
            #expect(second.lease != first.lease && notes.fences.count == 1)
            let record = try required(try await rig.record())
            #expect(record.lease == second.lease && record.modRevision == second.recordRevision)
            #expect(await shell.currentLease?.id == second.lease.rawValue)
            #expect(try await rig.server.client().timeToLive(first.lease) == nil, "the former session is ended")
        }
    }

    @Test("a record that somebody changes is written anew in the same session, and nothing is fenced")
    func recordChanged() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let first = try required(notes.entered.first)
            let record = try required(try await rig.record())
            let text = String(decoding: record.value, as: UTF8.self).replacing("192.0.2.1", with: "192.0.2.99")
            // As an operator does it: without the lease, so that the record would outlive the machine.
            try await rig.server.client().put(record.key, Array(text.utf8))
            try await until("another tenure") { notes.entered.count == 2 }
            let second = try required(notes.entered.last)
            #expect(second.lease == first.lease && second.recordRevision > first.recordRevision)
            let mended = try required(try await rig.record())
            #expect(mended.lease == first.lease && mended.modRevision == second.recordRevision)
            #expect(String(decoding: mended.value, as: UTF8.self).contains(#""192.0.2.1""#))
            #expect(notes.fences.isEmpty)
        }
    }

    @Test("a record that another machine writes in its place ends the session, and the machine is refused with words")
    func recordTaken() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let record = try required(try await rig.record())
            let text = String(decoding: record.value, as: UTF8.self)
                .replacing(rig.saved.token, with: "another").replacing("192.0.2.1", with: "192.0.2.99")
            try await rig.server.client().put(record.key, Array(text.utf8))
            try await until("the refusal") { notes.lastWords.hasPrefix("refused: machine id") }
            #expect(notes.lastWords.contains("is alive at 192.0.2.99") && notes.fences.count == 1)
        }
    }

    @Test("a machine that can take no units says so, and gives its session up in its turn while others do better")
    func gaveUp() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        let trouble = "it cannot follow its schedule"
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let registry = try rig.registry()
            func put(_ id: String, isClosed: Bool = false) async throws {
                let id = try required(MachineID(String(repeating: id, count: 32)))
                let record = MachineRecord(id: id, name: "other", address: "", trouble: trouble, isClosed: isClosed)
                try await rig.server.client().put(registry.keys.machine(id), MachineEntry(record).bytes)
            }
            await shell.giveUp()
            #expect(notes.fences.isEmpty, "nothing is wrong with it")
            await shell.announce(agentTrouble: trouble)
            try await until("another tenure") { notes.entered.count == 2 }
            let record = try required(try await registry.machines().first { $0.id == rig.machine })
            #expect(record.isClosed && record.trouble == trouble)

            try await put("f")
            await shell.giveUp()
            #expect(notes.fences.isEmpty && notes.lastWords.hasPrefix("keeps its units"), "one of two is too few")
            for id in ["e", "d", "c"] { try await put(id) }
            try await put("0", isClosed: true)
            let other = try required(MachineID(String(repeating: "0", count: 32)))
            #expect(try await registry.takeTurn(of: other, seconds: 600) != nil)
            await shell.giveUp()
            #expect(notes.fences.isEmpty && notes.lastWords.hasPrefix("keeps its units until it is its turn"))
            _ = try await rig.server.client().delete(.key(registry.keys.turn))
            await shell.giveUp()
            try await until("its record is gone, so that others take over") { try await rig.record() == nil }
            try await until("a new session") { notes.entered.count == 3 }
            #expect(notes.fences.count == 1)
            #expect(try await registry.machines().first { $0.id == rig.machine }?.isClosed == true)
            await shell.announce(agentTrouble: nil)
            try await until("all is well") { notes.entered.count == 4 }
            #expect(try await registry.machines().first { $0.id == rig.machine }?.isClosed == false)
        }
    }

    @Test("a machine that etcd lets in no more keeps its units, and gives up a session under which nothing runs")
    func shutOut() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.quickServer(), ttl: 12)
        func client(_ user: String) throws -> EtcdClient {
            var configuration = rig.server.configuration(timeout: .seconds(30))
            (configuration.user, configuration.password) = (user, "p")
            return try EtcdClient(configuration)
        }
        let root = try client("root")
        for (user, role) in [("root", "root"), ("worker", "working")] {
            try await root.addUser(user, password: "p")
            try await root.addRole(role)
            try await root.grantRole(role, to: user)
        }
        try await root.grant(EtcdPermission(.readWrite, .prefix("")), to: "working")
        try await root.enableAuth()
        let record = try rig.registry().keys.machine(rig.machine)
        try await rig.run(user: "worker") { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            #expect(try await root.changePassword(of: "worker", to: "q"))
            await shell.giveUp()
            #expect(notes.lastWords.hasPrefix("keeps its units, since etcd does not let this machine in: "))
            #expect(notes.fences.isEmpty)
            notes.lastUnitEnds()
            await shell.giveUp()
            try await until("its record is gone") { try await root.get(.key(record), revision: 0).keys.isEmpty }
            try await until("a new session is refused") { notes.lastWords.hasPrefix("waiting for etcd: ") }
            #expect(notes.fences.count == 1 && notes.entered.count == 1)
            #expect(await shell.currentLease == nil)
        }
    }

    @Test("a machine with the id of a live one is refused with words, and nothing changes")
    func clone() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 30)
        let clone = try SessionRig(cloneOf: rig)
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let before = try await rig.record()
            try await clone.run { shell, other in
                try await until("the refusal") { other.lastWords.hasPrefix("refused") }
                #expect(other.lastWords == "refused: machine id \(rig.machine.short) is alive at 192.0.2.1 (tester)")
                #expect(other.entered.isEmpty && other.fences.isEmpty)
                #expect(await shell.currentLease == nil)
            }
            #expect(try await rig.record() == before)
            #expect(notes.fences.isEmpty && notes.entered.count == 1)
        }
    }

    @Test("a session that ends in order takes its record along at once")
    func stops() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            await shell.stop()
            try await until("the record's end") { try await rig.record() == nil }
            try await until("the end on file") { rig.saved.lease == 0 }
            #expect(notes.fences.isEmpty)
        }
    }

    @Test("etcd that is down for longer than the lifetime fences nobody, and the session goes on after")
    func etcdDown() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.quickServer(), ttl: 10)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            rig.server.kill()
            let end = MachineClockwork().now + .seconds(12)
            try await until("word that etcd is down") {
                notes.words.contains("etcd is down or has no quorum; units go on")
            }
            try await until("more than the session's lifetime to pass") { MachineClockwork().now > end }
            #expect(notes.fences.isEmpty)
            try await rig.server.start()
            try await until("the session's recovery") { notes.lastWords == "in the cluster" }
            #expect(notes.fences.isEmpty)
            #expect(notes.entered.count == 1)
            let lease = try required(notes.entered.first).lease
            #expect(await shell.currentLease?.id == lease.rawValue)
            #expect(try await rig.record()?.lease == lease)
        }
    }

    @Test("etcd that no longer answers leads to the fence before the lease can end")
    func etcdSilent() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.quickServer(), ttl: 12)
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            rig.server.pause()
            try await until("the fence") { !notes.fences.isEmpty }
            let fence = try required(notes.fences.first)
            let proof = rig.proof
            #expect(fence.kill == proof + .seconds(12) - .milliseconds(1200))
            #expect(fence.called < proof + .seconds(12))
            rig.server.resume()
            try await until("a new session") { notes.entered.count == 2 }
            #expect(notes.fences.count == 1)
            #expect(notes.entered[1].lease != notes.entered[0].lease)
        }
    }

    @Test("etcd that came back empty is refused and reported, and nobody is fenced")
    func etcdEmptied() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.quickServer(), ttl: 10)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            rig.server.kill()
            rig.server.eraseData()
            try await rig.server.start()
            try await until("the refusal") {
                notes.lastWords == "refused: etcd is not the store of this session; units go on"
            }
            let end = MachineClockwork().now + .seconds(11)
            try await until("more than the session's lifetime to pass") { MachineClockwork().now > end }
            #expect(notes.fences.isEmpty && notes.entered.count == 1)
            #expect(await shell.currentLease == nil)
            #expect(try await rig.record() == nil)
        }
    }
}
