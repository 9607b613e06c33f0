// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Synchronization
import Systemd
import Testing

@testable import Agent
@testable import NodeAgent

/// What an agent notices that keeps its machine from every unit.
@Suite("what keeps an agent from its work", .timeLimit(.minutes(2)))
struct AgentTroubleTests {
    private let web = UnitName(unchecked: "web.service")

    /// What an agent has announced.
    private final class Announced: Sendable {
        private let words = Mutex<[String?]>([])

        var all: [String?] { words.withLock { $0 } }
        var hooks: AgentShell.TroubleHooks {
            AgentShell.TroubleHooks(announce: { text in self.words.withLock { $0.append(text) } })
        }
    }

    /// A machine whose store can be told to refuse what the machine writes.
    private func refusable() async throws -> (store: RefusingStore, rig: AgentRig) {
        let store = RefusingStore(store: MemoryStore())
        let registry = ClusterRegistry(
            store: store, cluster: try SharedEtcd.randomCluster(), firstPause: .milliseconds(10))
        return (store, try await AgentRig(registry: registry))
    }

    @Test("a runtime folder that takes no files is known before the first tenure, and so is its mending")
    func storageAtTheStart() async throws {
        let rig = try await AgentRig()
        let announced = Announced()
        let book = LogBook()
        let agent = try await rig.agent(hooks: announced.hooks, logger: book.logger)
        await agent.lookAtStorage(isFirst: true)
        #expect(await agent.trouble.words == nil)
        let obstacle = rig.base.path + "/units/.probe"
        try HostFiles.makeFolder(obstacle)
        await agent.lookAtStorage(isFirst: true)
        #expect(await agent.trouble.storage?.hasPrefix("it takes no new units") == true)
        HostFiles.removeEmptyFolder(obstacle)
        await agent.lookAtStorage()
        #expect(await agent.trouble.words == nil)
        #expect(announced.all.count == 2 && announced.all.last == .some(nil))
        // The session's shell, which is told, logs it once.
        #expect(book.take().isEmpty)
    }

    @Test(
        "an agent that finds no folder where its notes lie goes on, says so, keeps and stops its units, and is mended")
    func obstacleAtTheStart() async throws {
        let rig = try await AgentRig()
        let file = try UnitFile.service("1")
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
        }
        let notes = rig.base.path + "/units.started"
        try HostFiles.remove(notes + "/web.service")
        HostFiles.removeEmptyFolder(notes)
        try HostFiles.write("", to: notes)
        let announced = Announced()
        let agent = try await rig.agent(hooks: announced.hooks)
        await agent.lookAtStorage(isFirst: true)
        let words = "cannot make the folder \(notes): something else is there"
        #expect(await agent.trouble.storage?.contains(words) == true)
        await agent.enter(try await rig.tenure())
        // A new order shows that the tenure has taken stock.
        let other = UnitName(unchecked: "other.service")
        try await rig.order(other, file, .loaded)
        try await until("the other unit is loaded") { try await rig.state(other)?.acted == .loaded }
        #expect(await rig.units.isActive("web.service"))
        #expect(await rig.units.calls.filter { $0.hasPrefix("start") } == ["start web.service"])
        try await rig.order(web, file, .loaded)
        try await until("the unit is down") { try await rig.state(web)?.acted == .loaded }
        #expect(await !rig.units.isActive("web.service"))
        try HostFiles.remove(notes)
        await agent.lookAtStorage()
        #expect(await agent.trouble.words == nil && announced.all.last == .some(nil))
        try await rig.order(web, file)
        try await rig.runs(web, file)
        #expect(rig.base.exists("units.started/web.service"))
        await agent.endTenure()
    }

    @Test("a unit that is down counts as stopped although its note cannot be removed")
    func noteThatStays() async throws {
        let rig = try await AgentRig()
        let file = try UnitFile.service("1")
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            let note = rig.base.path + "/units.started/web.service"
            try HostFiles.remove(note)
            // A folder is not removed as a file is.
            try HostFiles.makeFolder(note)
            try await rig.order(web, file, .loaded)
            try await until("the unit is down") { try await rig.state(web)?.acted == .loaded }
            #expect(await !rig.units.isActive("web.service"))
        }
    }

    @Test("a unit that is refused when a tenure begins is said to be of the former run in the first tenure alone")
    func refusedAtTheStart() async throws {
        let rig = try await AgentRig()
        let book = LogBook()
        let file = try UnitFile.service("1")
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file, .loaded)
            try await until("the unit loaded") { try await rig.state(web)?.acted == .loaded }
        }
        let agent = try await rig.agent(logger: book.logger)
        let occasions = ["unit not taken over from the former run", "unit is not loaded from its file here"]
        for words in occasions {
            try await rig.beginSession()
            await rig.units.fail("link", web.rawValue, with: [SystemdError(code: .fileExists, message: "File exists")])
            await agent.enter(try await rig.tenure())
            try await until("the unit loaded again") { try await rig.state(web)?.acted == .loaded }
            await agent.endTenure()
            #expect(book.take().filter { occasions.contains($0) } == [words])
        }
    }

    @Test(
        "a store that refuses this machine's claims closes it, until it takes them",
        arguments: [EtcdError.Code.loginRefused, .permissionDenied])
    func refusedClaims(code: EtcdError.Code) async throws {
        let (store, rig) = try await refusable()
        let announced = Announced()
        let agent = try await rig.agent(hooks: announced.hooks)
        let file = try UnitFile.service("1")
        try await rig.store(file)
        let tenure = try await rig.tenure()
        try await rig.order(web, file)
        await store.refusals.begin(code)
        await agent.enter(tenure)
        try await until("the machine says so") { !announced.all.isEmpty }
        #expect(announced.all == ["it can claim and report no units: refused: \(code)"])
        #expect(try await rig.states().isEmpty)
        await store.refusals.end()
        try await rig.runs(web, file)
        #expect(announced.all.count == 2 && announced.all.last == .some(nil))
        await agent.endTenure()
    }

    @Test("a closed machine that is ordered nothing finds out by itself that the store takes its writes again")
    func refusalEndsWithoutOrders() async throws {
        let (store, rig) = try await refusable()
        let announced = Announced()
        let agent = try await rig.agent(hooks: announced.hooks)
        let file = try UnitFile.service("1")
        try await rig.store(file)
        try await rig.order(web, file)
        let first = try await rig.tenure()
        await store.refusals.begin(.loginRefused)
        await agent.enter(first)
        try await until("the machine says so") { !announced.all.isEmpty }
        await agent.endTenure()
        await store.refusals.end()
        try await rig.withdraw(web)
        await agent.enter(try await rig.tenure())
        try await until("it takes units again") { announced.all.last == .some(nil) }
        await agent.endTenure()
    }

    @Test("a store that takes no writes of anybody is no trouble of this machine's")
    func fullStore() async throws {
        let rig = try await AgentRig()
        let announced = Announced()
        let agent = try await rig.agent(hooks: announced.hooks)
        let cause = EtcdError(code: .noSpace, message: "full", isTransient: false, mayHaveHappened: false)
        await agent.notTaken("units not claimed", RegistryError(cause, while: "claiming 1 units"))
        #expect(await !agent.writePatience.isFailing)
        #expect(await agent.trouble.words == nil)
        #expect(announced.all.isEmpty)
    }
}
