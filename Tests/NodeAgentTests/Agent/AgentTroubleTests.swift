// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Synchronization
import Testing

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

    @Test("a runtime folder that takes no files is known before the first tenure, and so is its mending")
    func storageAtTheStart() async throws {
        let rig = try await AgentRig()
        let announced = Announced()
        let agent = try await rig.agent(hooks: announced.hooks)
        await agent.lookAtStorage(isFirst: true)
        #expect(await agent.trouble.words == nil)
        let obstacle = rig.base.path + "/units/.probe"
        try HostFiles.makeFolder(obstacle)
        await agent.lookAtStorage(isFirst: true)
        #expect(await agent.trouble.storage?.hasPrefix("it cannot start units") == true)
        HostFiles.removeEmptyFolder(obstacle)
        await agent.lookAtStorage()
        #expect(await agent.trouble.words == nil)
        #expect(announced.all.count == 2 && announced.all.last == .some(nil))
    }
}
