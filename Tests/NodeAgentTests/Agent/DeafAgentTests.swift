// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Synchronization
import Testing

@testable import NodeAgent

/// An agent whose session lives while its schedule cannot be read, as where new connections fail and old ones go on.
@Suite("an agent that hears no orders", .timeLimit(.minutes(2)))
struct DeafAgentTests {
    @Test("it has its session given up when its patience ends, and the next one not before it has heard orders again")
    func once() async throws {
        let rig = try await AgentRig()
        let web = UnitName(unchecked: "web.service")
        let file = try UnitFile.service("1")
        try await rig.store(file)
        let asked = Mutex(0)
        let agent = try await rig.agent(
            hooks: AgentShell.TroubleHooks(giveUp: { _ in asked.withLock { $0 += 1 } }))
        await agent.enter(try await rig.tenure())
        try await rig.order(web, file)
        try await rig.runs(web, file)
        await agent.endTenure()

        await agent.cannotFollow("no word")
        #expect(asked.withLock { $0 } == 0)
        // Others may go first, so it asks until its session has ended.
        for count in 1...2 {
            await agent.hasFailedForLong()
            await agent.cannotFollow("no word")
            #expect(asked.withLock { $0 } == count)
        }
        await agent.fence(kill: BootClock.now)
        #expect(await !rig.units.isActive("web.service"))
        await agent.cannotFollow("no word")
        #expect(asked.withLock { $0 } == 2, "a session that has just begun is given up")

        await agent.follows()
        await agent.hasFailedForLong()
        await agent.cannotFollow("no word")
        #expect(asked.withLock { $0 } == 3)
    }
}

extension AgentShell {
    fileprivate func hasFailedForLong() { followFailure = Moment(nanoseconds: 0) }
}
