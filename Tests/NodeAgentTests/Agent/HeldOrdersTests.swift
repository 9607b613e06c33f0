// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@testable import Agent
@testable import NodeAgent

/// Whether a machine that hears no orders any more has anything that others could run; see `SchedulePatience`.
@Suite("orders that an agent holds", .timeLimit(.minutes(2)))
struct HeldOrdersTests {
    @Test("an agent knows that it holds orders, whether they were there when it began or came and went since")
    func changes() async throws {
        let rig = try await AgentRig()
        let web = UnitName(unchecked: "web.service")
        let file = try UnitFile.service("1")
        try await rig.store(file)
        let agent = try await rig.agent()
        #expect(await agent.holdsOrders == nil)
        await agent.enter(try await rig.tenure())
        try await until("an empty schedule is read") { await agent.holdsOrders == false }
        try await rig.order(web, file)
        try await until("the order has come") { await agent.holdsOrders == true }
        try await rig.withdraw(web)
        try await until("it has gone") { await agent.holdsOrders == false }
        await agent.endTenure()
    }
}
