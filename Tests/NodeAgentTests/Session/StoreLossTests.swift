// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetCore
import FoundationEssentials
import Registry
import TestSupport
import Testing

@testable import Agent
@testable import NodeAgent

/// Rule R8 over a restart of the agent: what it refused before it refuses after, until the operator decides.
@Suite("store lost while the agent was away", .timeLimit(.minutes(2)))
struct StoreLossTests {
    private static let refusal = "refused: etcd is not the store of this session; units go on"

    /// A machine whose session is on file, with the mark of its store, and whose agent is away.
    private func rig() async throws -> SessionRig {
        let rig = try SessionRig(server: try await SharedEtcd.quickServer(), ttl: 30)
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            // The file is written with each renewal; the mark is known soon after the first.
            let first = rig.proof
            try await until("the session on file") { rig.saved.storeMark != nil && rig.saved.proof > first.nanoseconds }
            #expect(rig.saved.expectedRevision > 0)
        }
        return rig
    }

    /// Runs an agent that is to refuse, and checks that it stops nothing.
    private func refuses(_ rig: SessionRig) async throws {
        let lease = rig.saved.lease
        try await rig.run { shell, notes in
            try await until("the refusal") { notes.lastWords == Self.refusal && rig.saved.isRefused == true }
            #expect(notes.fences.isEmpty && notes.entered.isEmpty)
            #expect(await shell.currentLease == nil)
        }
        #expect(rig.saved.lease == lease, "the session is remembered, should its store return")
    }

    @Test("an agent that starts anew refuses an emptied etcd, and joins it when the operator says so")
    func emptied() async throws {
        let rig = try await rig()
        #expect(throws: HostError.self) { try rig.file.requestAdoption() }
        rig.server.kill()
        rig.server.eraseData()
        try await rig.server.start()
        try await refuses(rig)
        // However long ago the last renewal was, a refused session is not fenced for its age.
        var old = rig.saved
        old.proof = 1
        try rig.file.store(old)
        try await refuses(rig)

        try await rig.run { _, notes in
            try await until("the refusal") { notes.lastWords == Self.refusal }
            try rig.file.requestAdoption()
            try await until("the adoption") { rig.saved.lease == 0 }
            #expect(rig.saved.storeID == nil && rig.saved.expectedRevision == 0)
            #expect(notes.fences.isEmpty && notes.entered.isEmpty)
        }
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            #expect(notes.fences.isEmpty)
        }
    }

    @Test("an operator is told what adopting would stop, and decides for the store that is there and for no other")
    func question() async throws {
        let rig = try await rig()
        let folder = UnitFolder(
            folder: rig.folder.path + "/units", searchFolder: rig.folder.path + "/search", searchPath: [],
            dropIns: UnitDropIns(isGuarded: false, agentService: "node-agent.service"))
        try await folder.prepare()
        let question = StoreQuestion(
            file: rig.file, folder: folder, etcd: rig.server.configuration(), cluster: rig.cluster,
            machine: rig.machine, name: "tester")
        let calm = await question.report()
        #expect(!calm.isRefused && calm.found == nil)
        #expect(await question.adopt("1").words == "refuses no store")

        rig.server.kill()
        rig.server.eraseData()
        try await rig.server.start()
        try await rig.run { _, notes in
            try await until("the refusal") { notes.lastWords == Self.refusal && rig.saved.isRefused == true }
            let report = await question.report()
            let found = try #require(report.found)
            #expect(report.isRefused && report.known == found && report.wanted == 0 && report.unknown == [])
            let other = await question.adopt("1")
            #expect(!other.isDone && other.words == "finds etcd cluster \(found) there, not 1")
            #expect(rig.saved.lease != 0)
            #expect(await question.adopt(found).isDone)
            try await until("the adoption") { rig.saved.lease == 0 }
            #expect(rig.saved.hasAdopted == true)
        }
    }

    @Test("an emptied etcd that has been written to more often than the former one is refused all the same")
    func grown() async throws {
        let rig = try await rig()
        let floor = rig.saved.expectedRevision
        rig.server.kill()
        rig.server.eraseData()
        try await rig.server.start()
        let client = try rig.server.client()
        while try await client.put("filler", []) <= floor + 10 {}
        // Somebody else has marked it as a store of its own.
        #expect(try await rig.registry().makeMark() != rig.saved.storeMark)
        try await refuses(rig)
    }

    @Test("an agent told to adopt while it is away does so at its next start")
    func adoptedAway() async throws {
        let rig = try await rig()
        var refused = rig.saved
        refused.isRefused = true
        try rig.file.store(refused)
        try rig.file.requestAdoption()
        #expect(rig.saved.lease == 0 && rig.saved.storeID == nil && rig.saved.token == refused.token)
        #expect(throws: HostError.self) { try rig.file.requestAdoption() }
    }

    @Test("a store that returns is taken up again, with the session that was in it")
    func returned() async throws {
        let rig = try await rig()
        let lease = rig.saved.lease
        let data = rig.server.folder + "/data"
        rig.server.kill()
        try FileManager.default.moveItem(atPath: data, toPath: data + ".own")
        try await rig.server.start()
        try await rig.run { shell, notes in
            try await until("the refusal") { notes.lastWords == Self.refusal }
            rig.server.kill()
            rig.server.eraseData()
            try FileManager.default.moveItem(atPath: data + ".own", toPath: data)
            try await rig.server.start()
            try await until("the return") { !notes.entered.isEmpty }
            #expect(notes.entered.map(\.lease.rawValue) == [lease])
            #expect(notes.fences.isEmpty)
            try await until("its end on file") { rig.saved.isRefused == nil }
        }
    }
}
