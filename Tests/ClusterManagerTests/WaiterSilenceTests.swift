// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import Logging
import Testing

@testable import ClusterManager

/// A wait whose cluster is away: it goes on for as long as its user wants.
@Suite("waiting for a cluster that does not answer")
struct WaiterSilenceTests {
    private static let name = UnitName(unchecked: "web.service")
    private static let machine = Fixtures.machines(1)[0]

    private static func failure(_ code: ClusterManagerError.Code) -> ClusterManagerError {
        ClusterManagerError(code, "no answer", isTransient: code == .unreachable)
    }

    private func hurry() -> Waiter.Rhythm {
        var rhythm = Waiter.Rhythm()
        (rhythm.pause, rhythm.longestPause, rhythm.silence) = (.milliseconds(1), .milliseconds(2), .zero)
        // What is said now and then would be said here by how slow the host is.
        rhythm.reminder = .seconds(3600)
        return rhythm
    }

    /// A wait for the unit whose stream has broken, and the fleet that answers as it is told from then on.
    private func wait(
        _ failures: Int, _ failure: ClusterManagerError, _ captured: CapturedConsole, rhythm: Waiter.Rhythm,
        timeout: Duration? = nil
    ) async throws -> (result: Waiter.Result, attempts: Int) {
        let fleet = FakeFleet(
            units: [try Fixtures.unit("web.service")], machines: [Self.machine], runsUnits: false)
        let waiter = try await Waiter(fleet, units: [Self.name], console: captured.console, rhythm: rhythm)
        await fleet.refuseEvents(failures, failure)
        await fleet.dropFollowers()
        let unit = try Fixtures.unit("web.service", machine: Self.machine.id)
        await fleet.tell(.unit(unit))
        await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id)))
        let result = await waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: timeout) { _ in }
        return (result, await fleet.eventQuestions - 1)
    }

    @Test("however often nobody answers, the wait goes on, says so, and sees what has come of it")
    func goesOn() async throws {
        let captured = CapturedConsole()
        // Long enough for a tick to see it.
        let (result, attempts) = try await wait(
            600, Self.failure(.unreachable), captured, rhythm: hurry(), timeout: .seconds(150))
        #expect(result.error == nil && result.outcomes.map(\.kind) == [.reached])
        #expect(attempts == 601)
        #expect(
            captured.errors == """
                cluster-manager: the agent that was asked does not answer; asking again; still waiting for web.service
                cluster-manager: the cluster answers again

                """)
    }

    @Test("it asks ever more seldom, and gives up when its time is over")
    func noBusyLoop() async throws {
        var rhythm = Waiter.Rhythm()
        (rhythm.pause, rhythm.longestPause) = (.milliseconds(1), .seconds(3600))
        let (result, attempts) = try await wait(
            .max, Self.failure(.unreachable), CapturedConsole(), rhythm: rhythm, timeout: .seconds(1))
        // 1 ms, 2 ms, 4 ms: twelve of them are four seconds.
        #expect((1...12).contains(attempts), "\(attempts)")
        #expect(result.error?.code == .timedOut)
        #expect(
            result.error?.message.hasSuffix("nobody answers now: no answer") == true, "\(String(describing: result))")
    }

    @Test("a refusal that stays ends it; one of an agent that has just begun does not")
    func refusals() async throws {
        let refusal = Self.failure(.refused)
        let lasting = try await wait(.max, refusal, CapturedConsole(), rhythm: hurry())
        #expect(lasting.result.error == refusal)
        let passing = try await wait(7, refusal, CapturedConsole(), rhythm: hurry())
        #expect(passing.result.error == nil)
    }

    @Test("it goes on at another agent when the one that it asked has gone")
    func otherAgent() async throws {
        try await Fixtures.withFolder { folder in
            let cluster = RunningCluster(machines: 1)
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            func serve(_ name: String) -> Task<Void, any Error> {
                let server = FleetAPIServer(
                    access: cluster, listeners: [.unix(path: "\(folder)/\(name)")], version: "9.9",
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                    onListening: { isListening.yield($0) })
                return Task { try await server.run() }
            }
            @Sendable func choice(_ name: String) -> ChoosingTransport.Choice {
                .init(endpoint: name, transport: CurlTransport(endpoint: .unix(path: "\(folder)/\(name)")))
            }
            let (one, two) = (serve("one"), serve("two"))
            defer { two.cancel() }
            var listeners = listening.makeAsyncIterator()
            for _ in 0..<2 { try #require(await listeners.next(isolation: #isolation) != nil) }

            let other = UnitName(unchecked: "other.service")
            let file = try UnitFile(parsing: Fixtures.plainText)
            _ = try await cluster.createUnit(other, file: file, target: .launched)
            let shy = try UnitFile(parsing: Fixtures.plainText + "[X-Fleet]\nConflicts=other.service\n")
            _ = try await cluster.createUnit(Self.name, file: shy, target: .launched)
            let fleet = FleetClientAdapter(
                FleetClient(
                    endpoint: .unix(path: "\(folder)/one"),
                    transport: ChoosingTransport(first: choice("one")) { choice("two") }))
            let waiter = try await Waiter(
                fleet, units: [Self.name], console: CapturedConsole().console, rhythm: hurry())
            one.cancel()
            _ = await one.result
            _ = try await cluster.destroyUnit(other)
            _ = try await cluster.setTarget(Self.name, to: .launched)
            let result = await waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: .seconds(150)) { _ in }
            #expect(result.error == nil && result.outcomes.map(\.kind) == [.reached])
        }
    }

    @Test("a wait without news says again what it waits for")
    func reminder() async throws {
        var rhythm = Waiter.Rhythm()
        rhythm.reminder = .milliseconds(1)
        let captured = CapturedConsole()
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service")], machines: [Self.machine], runsUnits: false)
        let waiter = try await Waiter(fleet, units: [Self.name], console: captured.console, rhythm: rhythm)
        async let result = waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: nil) { _ in }
        try await captured.waitForErrors("cluster-manager: 0 of 1 done, waiting for web.service (")
        let unit = try Fixtures.unit("web.service", machine: Self.machine.id)
        await fleet.tell(.unit(unit))
        await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id)))
        #expect(await result.error == nil)
    }

    @Test("it repeats itself ever more seldom")
    func reminders() {
        var rhythm = Waiter.Rhythm()
        (rhythm.reminder, rhythm.longestReminder) = (.seconds(30), .seconds(200))
        var reminders = Reminders(rhythm)
        let due = (0..<1000).filter { reminders.isDue(.seconds($0)) }
        #expect(due == [30, 90, 210, 410, 610, 810])
    }
}
