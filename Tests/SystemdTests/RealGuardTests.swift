// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd
import TestSupport
import Testing

/// The guard as a real service of a real systemd; needs root and systemd-nspawn, and fails with words without them.
@Suite("Real guard", .serialized, .timeLimit(.minutes(4)))
struct RealGuardTests {
    private static let folder = "/run/systemd/system/"
    private static let runtime = "/run/flotilla"
    private static let second: UInt64 = 1_000_000_000

    /// How a guard comes to its end.
    enum End: CaseIterable {
        case notFed
        case notFedWatchdogAlone
        case frozen
        case frozenWatchdogAlone
        case killed
        case notFedAcrossReexec

        var isWatchdogAlone: Bool {
            self == .notFedWatchdogAlone || self == .frozenWatchdogAlone || self == .notFedAcrossReexec
        }
    }

    /// A machine with a running guard, two stubborn units that it fences, and one that is none of its business.
    private func guarded(
        watchdogAlone: Bool = false, fenced: [String] = ["one.service", "two.service"],
        _ body: (NspawnMachine, SystemdManager) async throws -> Void
    ) async throws {
        try await NspawnMachine.with(readable: try SystemdTestPrograms.folders()) { machine in
            let text = try GuardUnit.text(
                executable: try SystemdTestPrograms.path("guard-probe"), runtimeDirectory: Self.runtime,
                controlGroups: ControlGroupTree.ofThisMachine().root, initialSeconds: 100,
                arguments: watchdogAlone ? ["--watchdog-only"] : [])
            try machine.write(text, to: Self.folder + GuardUnit.defaultName)
            try machine.write(
                fenced.map { $0 + "\n" }.joined(), to: GuardUnit.fencedUnits(runtimeDirectory: Self.runtime))
            try machine.write("", to: GuardUnit.permit(runtimeDirectory: Self.runtime))
            for name in ["one.service", "two.service", "free.service"] {
                try machine.write(SampleUnit.stubborn, to: Self.folder + name)
            }
            for name in fenced { try machine.write(FenceDropIn.text(), to: FenceDropIn.path(unit: name)) }
            let manager = try await machine.manager(machine.direct)
            #expect(try await manager.startUnit(GuardUnit.defaultName) == .done)
            for name in ["one.service", "two.service", "free.service"] {
                #expect(try await manager.startUnit(name) == .done)
            }
            try await body(machine, manager)
        }
    }

    private func feeder(_ machine: NspawnMachine) -> GuardFeeder {
        GuardFeeder(path: machine.path(GuardUnit.fifo(runtimeDirectory: Self.runtime)))
    }

    /// Lets the clock pass a moment; what is tested here is what happens or does not happen by then.
    private func pass(_ moment: UInt64) async throws {
        while GuardFeeder.now < moment { try await Task.sleep(for: .milliseconds(20)) }
    }

    @Test(
        "when the guard ends, however it does, stubborn units are dead at once and stay dead", arguments: End.allCases)
    func end(_ end: End) async throws {
        try await guarded(watchdogAlone: end.isWatchdogAlone) { machine, manager in
            _ = try await manager.watch(["one.service", "two.service", GuardUnit.defaultName])
            let changes = await manager.changes()
            var feeder = feeder(machine)
            // Where something has to be done before the guard fires, a busy host needs time for it.
            let isRace = end == .frozen || end == .frozenWatchdogAlone || end == .notFedAcrossReexec
            let deadline = GuardFeeder.now + (isRace ? 10 : 1) * Self.second
            if end == .killed {
                try await manager.killUnit(GuardUnit.defaultName, who: .main, signal: 9)
            } else {
                try feeder.send(.deadline(deadline))
            }
            if end == .frozen || end == .frozenWatchdogAlone {
                // Only once the guard has set its timers; a guard that is frozen earlier keeps the deadline before.
                try await Self.untilRead(machine)
                try await manager.killUnit(GuardUnit.defaultName, who: .main, signal: 19)
            }
            if end == .notFedAcrossReexec { try await machine.run("systemctl", "daemon-reexec") }
            var dead: Set<String> = []
            for await change in changes {
                guard case .unitChanged(let status) = change else { continue }
                if status.active == "inactive" || status.active == "failed" { dead.insert(status.name) }
                if dead.count == 3 { break }
            }
            let late = Int64(GuardFeeder.now) - Int64(deadline)
            if end != .killed { #expect(late >= 0, "the guard fired early") }
            print("guard \(end): all dead \(late / 1_000_000) ms after the deadline")

            let result = try await manager.properties(of: GuardUnit.defaultName).result
            // The guard's own timer and systemd's watchdog have the same deadline; on a busy host either may be first.
            #expect(result == "watchdog" || result == "signal" && !end.isWatchdogAlone)
            // The units' own TimeoutStopSec= is 60 s: being dead this soon is SIGKILL's doing.
            #expect(late < 30 * Int64(Self.second))
            for name in ["one.service", "two.service"] {
                let properties = try await manager.properties(of: name)
                #expect(properties.mainPID == nil)
                #expect(try await manager.startUnit(name) == .dependency, "\(name) came back without a permit")
            }
            #expect(try await manager.listUnits(names: ["free.service"]).map(\.active) == ["active"])
        }
    }

    /// The guard has taken everything out of its FIFO and told systemd of it.
    private static func untilRead(_ machine: NspawnMachine) async throws {
        try await NspawnMachine.poll(for: "new watchdog interval", seconds: 10) {
            let shown = try await machine.run(
                "systemctl", "show", "--property=WatchdogUSec", "--value", GuardUnit.defaultName)
            return shown.text.hasPrefix("1min") ? nil : true
        }
    }

    @Test("a guard that is fed keeps its units, disarmed it waits for ever, and armed again it fires")
    func fedAndDisarmed() async throws {
        try await guarded { machine, manager in
            let before = try await manager.properties(of: "one.service").invocationID
            var feeder = feeder(machine)
            let start = GuardFeeder.now
            // Longer than a busy host may hold up a feeding; fed for longer than one deadline lasts.
            let span = 5 * Self.second
            while GuardFeeder.now < start + span + 2 * Self.second {
                try feeder.send(.deadline(GuardFeeder.now + span))
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await manager.properties(of: "one.service").invocationID == before)
            let last = GuardFeeder.now + span
            try feeder.send(.deadline(last))
            try feeder.send(.disarm)
            try await pass(last + 2 * Self.second)
            #expect(try await manager.properties(of: "one.service").invocationID == before)
            #expect(try await manager.listUnits(names: [GuardUnit.defaultName]).map(\.active) == ["active"])
            _ = try await manager.watch(["one.service"])
            let changes = await manager.changes()
            try feeder.send(.deadline(1))
            for await change in changes {
                if case .unitChanged(let status) = change, status.active != "active", status.active != "deactivating" {
                    break
                }
            }
            #expect(try await manager.properties(of: "one.service").mainPID == nil)
        }
    }

    @Test("an empty list of fenced units ends nothing")
    func emptyList() async throws {
        try await guarded(fenced: []) { machine, manager in
            let before = try await manager.properties(of: "one.service").invocationID
            _ = try await manager.watch([GuardUnit.defaultName])
            let changes = await manager.changes()
            try await manager.killUnit(GuardUnit.defaultName, who: .main, signal: 9)
            for await change in changes {
                if case .unitChanged(let status) = change, status.active == "failed" { break }
            }
            #expect(try await manager.properties(of: "one.service").invocationID == before)
            let journal = try await machine.run("journalctl", "--no-pager", "-u", GuardUnit.defaultName)
            #expect(!journal.text.contains("control process exited"), "\(journal.text)")
        }
    }

    @Test("the feeder never waits: a full pipe, a missing reader and a missing FIFO are transient errors")
    func feederErrors() async throws {
        try await guarded { machine, manager in
            var missing = GuardFeeder(path: machine.path("/run/absent"))
            var error = #expect(throws: SystemdError.self) { try missing.send(.disarm) }
            #expect(error?.code == .unreachable && error?.isTransient == true)

            var feeder = feeder(machine)
            try feeder.send(.disarm)
            try await manager.killUnit(GuardUnit.defaultName, who: .main, signal: 19)
            error = #expect(throws: SystemdError.self) {
                for _ in 0..<100_000 { try feeder.send(.disarm) }
            }
            #expect(error?.code == .limitExceeded && error?.isTransient == true)

            _ = try await manager.watch([GuardUnit.defaultName])
            let changes = await manager.changes()
            try await manager.killUnit(GuardUnit.defaultName, who: .main, signal: 9)
            for await change in changes {
                if case .unitChanged(let status) = change, status.active == "failed" { break }
            }
            error = #expect(throws: SystemdError.self) { try feeder.send(.disarm) }
            #expect(error?.code == .unreachable && error?.isTransient == true)
        }
    }

    @Test("the guard's memory is small enough to live on every machine")
    func memory() async throws {
        try await guarded { machine, manager in
            let pid = try await manager.properties(of: GuardUnit.defaultName).mainPID
            let status = try await machine.run("cat", "/proc/\(pid ?? 0)/status")
            let lines = status.text.split(separator: "\n").filter { $0.hasPrefix("Rss") || $0.hasPrefix("VmRSS") }
            print("guard memory:", lines.joined(separator: ", "))
            let anonymous = lines.first { $0.hasPrefix("RssAnon") }?.split(whereSeparator: { $0.isWhitespace })
            let kilobytes = try #require(anonymous.flatMap { Int($0[1]) })
            #expect(kilobytes < 4096)
        }
    }
}
