// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("waiting")
struct WaiterTests {
    private static let name = UnitName(unchecked: "web.service")
    private static let machine = Fixtures.machines(1)[0]

    /// A fleet that runs nothing by itself, with a unit that shall run.
    private func fleet(_ unit: FleetUnit) -> FakeFleet {
        FakeFleet(units: [unit], machines: [Self.machine], runsUnits: false)
    }

    private func placed() throws -> FleetUnit { try Fixtures.unit("web.service", machine: Self.machine.id) }

    @Test("what happens between opening the stream and waiting is not missed")
    func nothingMissed() async throws {
        let fleet = fleet(try Fixtures.unit("web.service"))
        let captured = CapturedConsole()
        let waiter = try await Waiter(fleet, units: [Self.name], console: captured.console)
        let unit = try placed()
        await fleet.tell(.unit(unit))
        await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id)))
        var told: [String] = []
        let result = await waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: nil) { told.append($0.text) }
        #expect(told == ["Unit web.service launched on 10000000.../172.17.8.101"])
        #expect(result.error == nil)
        #expect(captured.errors.isEmpty)
    }

    @Test("a unit without a machine has its reason told while the wait goes on")
    func reason() async throws {
        let fleet = fleet(try Fixtures.unit("web.service", reason: "1 machine: conflicts"))
        let captured = CapturedConsole()
        let waiter = try await Waiter(fleet, units: [Self.name], console: captured.console)
        let result = await waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: .seconds(1)) { _ in }
        #expect(captured.errors == "cluster-manager: unit web.service waits for a machine: 1 machine: conflicts\n")
        let error = try #require(result.error)
        #expect(error.code == .timedOut && error.exitStatus == .incomplete)
        #expect(error.message.contains("web.service (1 machine: conflicts)"))
    }

    @Test("a reason that only a question for the unit brings is asked for")
    func askedReason() async throws {
        // The stream of this fleet carries no reasons, as the real one does not.
        let silent = SilentAboutReasons(fleet(try Fixtures.unit("web.service", reason: "2 machines: no metadata")))
        let captured = CapturedConsole()
        let waiter = try await Waiter(silent, units: [Self.name], console: captured.console)
        async let result = waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: nil) { _ in }
        try await captured.waitForErrors("unit web.service waits for a machine: 2 machines: no metadata\n")
        let unit = try placed()
        await silent.fleet.tell(.unit(unit))
        await silent.fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id)))
        #expect(await result.outcomes.map(\.kind) == [.reached])
    }

    @Test("a failure ends the wait with the truth, and the other units are still waited for")
    func failure() async throws {
        let good = try Fixtures.unit("good.service", machine: Self.machine.id)
        let bad = try placed()
        var state = Fixtures.state(bad, on: Self.machine.id, "failed", "failed")
        state.health = "start failed: exit-code, status 1"
        let fleet = FakeFleet(
            units: [good, bad], states: [state],
            machines: [Self.machine], runsUnits: false)
        let captured = CapturedConsole()
        let waiter = try await Waiter(fleet, units: [good.name, bad.name], console: captured.console)
        let goals = [WaitGoal(bad.name, .running), WaitGoal(good.name, .running)]
        async let result = waiter.wait(for: goals, timeout: nil) { _ in }
        await fleet.tell(.state(Fixtures.state(good, on: Self.machine.id)))
        let outcomes = await result
        #expect(outcomes.outcomes.map(\.kind) == [.failed, .reached])
        #expect(outcomes.error?.code == .unitFailed)
        #expect(outcomes.error?.message == "1 of 2 units did not get there")
        #expect(
            captured.errors.contains(
                "unit web.service failed on 10000000.../172.17.8.101: exit-code, status 1; see"))
    }

    @Test("a stream that breaks is opened anew, and what happened meanwhile counts")
    func brokenStream() async throws {
        let fleet = fleet(try Fixtures.unit("web.service"))
        let captured = CapturedConsole()
        let waiter = try await Waiter(fleet, units: [Self.name], console: captured.console)
        await fleet.dropFollowers()
        let unit = try placed()
        await fleet.tell(.unit(unit))
        await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id)))
        let result = await waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: .seconds(60)) { _ in }
        #expect(result.error == nil)
        #expect(result.outcomes.map(\.kind) == [.reached])
    }

    @Test("a machine that joins during the wait is named with its address")
    func newMachine() async throws {
        let fleet = fleet(try Fixtures.unit("web.service"))
        let waiter = try await Waiter(fleet, units: [Self.name], console: CapturedConsole().console)
        let late = FleetMachine(id: Fixtures.id("ff"), address: "10.0.0.9")
        var unit = try Fixtures.unit("web.service", machine: late.id)
        unit.current = .launched
        await fleet.tell(.machine(late))
        await fleet.tell(.unit(unit))
        await fleet.tell(.state(Fixtures.state(unit, on: late.id)))
        let result = await waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: .seconds(60)) { _ in }
        #expect(result.outcomes.map(\.text) == ["Unit web.service launched on ff000000.../10.0.0.9"])
    }

    @Test("a person at a terminal sees progress, which is wiped away")
    func progress() async throws {
        let captured = CapturedConsole(isTerminal: true)
        let fleet = fleet(try Fixtures.unit("web.service"))
        let waiter = try await Waiter(fleet, units: [Self.name], console: captured.console)
        async let result = waiter.wait(for: [WaitGoal(Self.name, .running)], timeout: nil) { _ in }
        try await captured.waitForErrors("0 of 1 done, waiting for web.service")
        let unit = try placed()
        await fleet.tell(.unit(unit))
        await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id)))
        #expect(await result.error == nil)
        #expect(captured.errors.hasSuffix("\r\u{1B}[K"))
    }

    @Test(
        "the progress line keeps to the terminal's width, which may be unknown",
        arguments: [(20, 19), (60, 59), (1, 0), (nil, 79)] as [(Int?, Int)])
    func width(columns: Int?, length: Int) {
        let captured = CapturedConsole(isTerminal: true, columns: columns)
        var line = ProgressLine(captured.console.errors)
        line.show(String(repeating: "x", count: 100))
        let start = "\r\u{1B}[K"
        #expect(captured.errors.hasPrefix(start))
        #expect(captured.errors.dropFirst(start.count).count == length)
    }

    @Test("a file gets no progress")
    func noProgress() {
        let captured = CapturedConsole()
        var line = ProgressLine(captured.console.errors)
        line.show("0 of 1 done")
        line.clear()
        #expect(captured.errors.isEmpty)
    }
}

/// A fleet whose events carry no reasons.
private struct SilentAboutReasons: FleetService {
    let fleet: FakeFleet

    init(_ fleet: FakeFleet) { self.fleet = fleet }

    func units() async throws -> [FleetUnit] { try await fleet.units() }
    func unit(_ name: UnitName) async throws -> FleetUnit? { try await fleet.unit(name) }
    func create(_: UnitName, file _: UnitSource, target _: TargetState) async throws {}
    func replace(_: UnitName, file _: UnitSource, target _: TargetState) async throws {}
    func setTarget(_: TargetState, of _: UnitName) async throws {}
    func restart(_: UnitName) async throws {}
    func destroy(_: UnitName) async throws -> Bool { false }
    func states(of unit: UnitName?) async throws -> [FleetUnitState] { try await fleet.states(of: unit) }
    func machines() async throws -> [FleetMachine] { try await fleet.machines() }
    func explanation(of _: UnitName) async throws -> FleetExplanation? { nil }
    func changeMetadata(of _: String, _: [MetadataEdit]) async throws {}
    func journal(_: FleetJournalQuery) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error> {
        AsyncThrowingStream { $0.finish() }
    }
    func events(of units: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error> {
        let stream = try await fleet.events(of: units)
        return AsyncThrowingStream { continuation in
            let pump = Task {
                for try await event in stream {
                    var event = event
                    if case .unit(var unit) = event {
                        unit.reason = nil
                        event = .unit(unit)
                    }
                    continuation.yield(event)
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in pump.cancel() }
        }
    }
}
