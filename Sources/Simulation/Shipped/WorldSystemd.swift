// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import Systemd

/// One process's connection to its machine's systemd: what `SystemdManager` is on a machine.
///
/// Calls reach systemd in order, and what it answers and tells comes back in order, as on a D-Bus connection.
final class WorldSystemd: UnitManager, UnitProcesses, @unchecked Sendable {
    private let process: HostProcess
    private let host: Host
    private let systemd: SystemdModel
    private var world: World { host.world }
    private var watched: Set<String> = []
    private var listeners: [AsyncStream<Systemd.UnitChange>.Continuation] = []
    private var lastCall: Int64 = 0
    private var lastWord: Int64 = 0

    init(process: HostProcess) {
        self.process = process
        host = process.host
        systemd = process.host.systemd
        systemd.listener = { [unowned self] name in
            guard watched.contains(name.rawValue) else { return }
            tell(.unitChanged(status(name.rawValue)))
        }
        systemd.jobListener = { [unowned self] name, end in
            let result: JobResult =
                switch end {
                case .done: .done
                case .failed: .failed
                case .cancelled: .canceled
                }
            tell(.jobRemoved(unit: name.rawValue, path: "/job", result: result))
        }
    }

    // MARK: The connection

    private func tell(_ change: Systemd.UnitChange) {
        answer { [self] in for listener in listeners { listener.yield(change) } }
    }

    private func answer(_ action: @escaping () -> Void) {
        let delay = world.random.between(200 * Span.microsecond, 2 * Span.millisecond)
        lastWord = max(lastWord, world.now + delay)
        world.at(lastWord) { [self] in process.enter(action) }
    }

    /// A call: there, done, and back, also when the task is cancelled, as in `SystemdManager`.
    private func call<Value: Sendable>(
        taking extra: Int64 = 0, _ work: @escaping () -> Result<Value, SystemdError>
    ) async throws(SystemdError) -> Value {
        let answered = Awaited<Result<Value, SystemdError>>()
        let delay = world.random.between(200 * Span.microsecond, 3 * Span.millisecond)
        lastCall = max(lastCall, world.now + delay)
        world.at(lastCall) { [self] in
            guard host.isOn, host.systemd === systemd else { return }
            world.after(extra) { [self] in
                guard host.isOn, host.systemd === systemd else { return }
                let value = work()
                answer { answered.give(value) }
            }
        }
        return try await answered.value().get()
    }

    private func status(_ name: String) -> UnitStatus {
        let seen = systemd.observation(of: UnitName(unchecked: name))
        return UnitStatus(name: name, load: seen.load, active: seen.active, sub: seen.sub)
    }

    /// Reads the files of units that it finds by their links and has not read.
    private func find(_ names: [String]) {
        for unit in names.map({ UnitName(unchecked: $0) }) where systemd.units[unit] == nil {
            if host.runtime.links.contains(unit), let file = host.runtime.files[unit] { systemd.load(unit, file) }
        }
    }

    // MARK: UnitManager

    func queue(_ operation: UnitOperation, _ name: String, mode: JobMode) async throws(SystemdError) -> UnitJob {
        let unit = UnitName(unchecked: name)
        return try await call { [self] in
            find([name])
            guard systemd.units[unit] != nil else {
                return .failure(SystemdError(code: .noSuchUnit, message: "Unit \(name) not found."))
            }
            if world.setting.hasSystemdTrouble, operation != .stop, world.random.chance(1, in: 20) {
                return .failure(SystemdError(code: .timedOut, message: "no answer", isTransient: true))
            }
            let outcome = JobOutcome()
            if operation == .stop {
                systemd.stop(unit) { [self] in answer { outcome.resolve(.success(.done)) } }
            } else {
                _ = systemd.queue(operation == .start ? .start : .restart, unit) { [self] end in
                    answer { outcome.resolve(.success(Self.result(of: end))) }
                }
            }
            return .success(UnitJob(unit: name, path: "/job", outcome: outcome))
        }
    }

    private static func result(of end: StartEnd) -> JobResult {
        switch end {
        case .done, .skipped, .waiting: .done
        case .failed: .failed
        case .refused: .dependency
        case .cancelled: .canceled
        }
    }

    func killUnit(_ name: String, who: KillTarget, signal: Int32) async throws(SystemdError) {
        try await call { [self] in .success(systemd.kill(UnitName(unchecked: name))) }
    }

    func linkUnitFiles(_ paths: [String], runtime: Bool, force: Bool) async throws(SystemdError) -> [UnitFileChange] {
        try await call { [self] in
            for path in paths {
                host.runtime.links.insert(UnitName(unchecked: String(path.dropFirst(WorldFiles.folder.count))))
            }
            return .success([])
        }
    }

    func loadUnit(_ name: String) async throws(SystemdError) { try await call { [self] in .success(find([name])) } }

    func resetFailedUnit(_ name: String) async throws(SystemdError) { try await call { .success(()) } }

    func reload() async throws(SystemdError) {
        try await call(taking: world.random.between(20 * Span.millisecond, 300 * Span.millisecond)) { [self] in
            for unit in systemd.units.keys.sorted() {
                if host.runtime.links.contains(unit), let file = host.runtime.files[unit] {
                    systemd.load(unit, file)
                } else {
                    systemd.forget(unit)
                }
            }
            return .success(())
        }
    }

    func listUnits(patterns: [String]) async throws(SystemdError) -> [UnitStatus] { [] }

    func listUnits(names: [String]) async throws(SystemdError) -> [UnitStatus] {
        try await call { [self] in
            find(names)
            return .success(names.map { status($0) })
        }
    }

    func fragmentPaths(of names: [String]) async throws(SystemdError) -> [String: String] {
        try await call { [self] in
            let known = names.filter { systemd.units[UnitName(unchecked: $0)] != nil }
            return .success(Dictionary(uniqueKeysWithValues: known.map { ($0, WorldFiles.folder + $0) }))
        }
    }

    func members(ofSlice name: String) async throws(SystemdError) -> [String] { [] }

    func startReport(of name: String, after result: JobResult) async throws(SystemdError) -> StartReport {
        try await call { [self] in
            let hasFailed = [.failed, .timeout].contains(result) || status(name).active == "failed"
            return .success(StartReport(result: hasFailed ? "exit-code" : nil))
        }
    }

    func leavesProcesses(of name: String) async throws(SystemdError) -> Bool { false }

    func properties(of name: String) async throws(SystemdError) -> UnitProperties {
        let unit = UnitName(unchecked: name)
        return try await call { [self] in
            let read = systemd.units[unit]?.variant.file.hash
            let isStale = read != nil && read != host.runtime.files[unit]?.file.hash
            return .success(UnitProperties(name: name, needDaemonReload: isStale))
        }
    }

    func watch(_ units: [String]) async throws(SystemdError) -> [UnitStatus] {
        try await call { [self] in
            watched.formUnion(units)
            find(units)
            return .success(units.map { status($0) })
        }
    }

    func unwatch(_ units: [String]) async { watched.subtract(units) }

    func changes() async -> AsyncStream<Systemd.UnitChange> {
        let (stream, continuation) = AsyncStream<Systemd.UnitChange>.makeStream()
        listeners.append(continuation)
        return stream
    }

    // MARK: UnitProcesses

    func end(_ units: [String], patience: Duration) async -> [String] {
        units.filter { systemd.units[UnitName(unchecked: $0)]?.running != nil }
    }
}
