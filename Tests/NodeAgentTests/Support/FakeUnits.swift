// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Systemd

@testable import NodeAgent

/// Units that exist as words only, with systemd's rules as far as the agent relies on them: a linked file is read when it
/// is first asked for, a changed one only at `reload`; a stop takes effect unless the unit is stubborn.
actor FakeUnits: UnitManager {
    private let searchFolder: String
    private var texts: [String: String] = [:]
    private var statuses: [String: UnitStatus] = [:]
    private var watched: Set<String> = []
    private var listeners: [AsyncStream<Systemd.UnitChange>.Continuation] = []
    private var stops: [String: [JobOutcome]] = [:]
    private var failures: [String: [SystemdError]] = [:]

    /// Files of the machine's own, by the units that they are of.
    private var origins: [String: String] = [:]
    /// Units that systemd takes for others.
    private var merged: [String: String] = [:]
    private var reports: [String: StartReport] = [:]
    /// How the next jobs of units end, other than well.
    private var results: [String: [JobResult]] = [:]

    /// Units that a stop does not bring down, nor that of a restart.
    private var stubborn: Set<String> = []
    /// Units that something starts again as soon as they are down, as long as systemd knows their files.
    private var revived: Set<String> = []
    /// Starts, stops, kills and reloads, in order.
    private(set) var calls: [String] = []
    /// Happens between a look at units and the answer of `watch`, once.
    private var beforeAnswer: (@Sendable () async -> Void)?
    /// The text that each running unit was started from.
    private(set) var running: [String: String] = [:]

    init(searchFolder: String) { self.searchFolder = searchFolder }

    /// The calls that do something to a unit; linking its file anew does nothing to one that runs.
    var touching: [String] { calls.filter { !$0.hasPrefix("link ") } }

    func setStubborn(_ unit: String) { stubborn.insert(unit) }
    func setMerged(_ unit: String, into other: String) { merged[unit] = other }
    func setRevived(_ unit: String) { revived.insert(unit) }
    func setOrigin(_ unit: String, _ path: String) { origins[unit] = path }
    /// Lets the next starts of `unit` end so, one each, with this report.
    func setResults(_ unit: String, _ ends: [JobResult], _ report: StartReport = StartReport()) {
        results[unit] = ends
        reports[unit] = report
    }
    func forgetCalls() { calls = [] }
    func setBeforeAnswer(_ action: @escaping @Sendable () async -> Void) { beforeAnswer = action }
    var listenerCount: Int { listeners.count }
    func isActive(_ unit: String) -> Bool { statuses[unit]?.active == "active" }

    /// Lets the next calls of `operation` on `unit` fail, one each.
    func fail(_ operation: String, _ unit: String, with errors: [SystemdError]) {
        failures["\(operation) \(unit)"] = errors
    }

    /// The unit ends by itself.
    func crash(_ unit: String) { change(unit, active: "failed", sub: "failed") }
    /// The unit is started by somebody else.
    func wake(_ unit: String) { change(unit, active: "active", sub: "running") }

    /// systemd tells of a state of a unit, and of its job.
    func show(_ unit: String, _ active: String, _ sub: String, job: UInt32? = nil) {
        statuses[unit]?.job = job.map { UnitStatus.Job(id: $0, type: nil) }
        change(unit, active: active, sub: sub)
    }

    private func record(_ call: String) throws(SystemdError) {
        calls.append(call)
        guard var errors = failures[call], !errors.isEmpty else { return }
        let error = errors.removeFirst()
        failures[call] = errors
        throw error
    }

    private func change(_ unit: String, active: String, sub: String) {
        guard var status = statuses[unit] else { return }
        (status.active, status.sub) = (active, sub)
        statuses[unit] = status
        if active != "active" { running[unit] = nil }
        guard watched.contains(unit) else { return }
        for listener in listeners { listener.yield(.unitChanged(status)) }
    }

    private func status(_ name: String) -> UnitStatus {
        if statuses[name] == nil, let text = try? HostFiles.read("\(searchFolder)/\(name)") {
            texts[name] = text
            statuses[name] = UnitStatus(name: name, load: "loaded", active: "inactive", sub: "dead")
        }
        var status = statuses[name] ?? UnitStatus(name: name, load: "not-found", active: "inactive", sub: "dead")
        status.name = merged[name] ?? name
        return status
    }

    func linkUnitFiles(_ paths: [String], runtime: Bool, force: Bool) throws(SystemdError) -> [UnitFileChange] {
        for path in paths {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            try record("link \(name)")
            unlink("\(searchFolder)/\(name)")
            symlink(path, "\(searchFolder)/\(name)")
        }
        return []
    }

    func loadUnit(_ name: String) throws(SystemdError) { _ = status(name) }

    func queue(_ operation: UnitOperation, _ name: String, mode: JobMode) throws(SystemdError) -> UnitJob {
        try record("\(operation.rawValue) \(name)")
        let status = status(name)
        guard status.load == "loaded" || operation == .stop && status.active == "active" else {
            throw SystemdError(code: .noSuchUnit, message: "Unit \(name) not found.")
        }
        let outcome = JobOutcome()
        if operation == .stop {
            if stubborn.contains(name), status.active == "active" {
                stops[name, default: []].append(outcome)
                return UnitJob(unit: name, path: "/job", outcome: outcome)
            }
            change(name, active: "inactive", sub: "dead")
            if revived.contains(name), statuses[name]?.load == "loaded" { wake(name) }
        } else if operation == .restart, stubborn.contains(name), status.active == "active" {
            change(name, active: "deactivating", sub: "stop-sigterm")
            stops[name, default: []].append(outcome)
            return UnitJob(unit: name, path: "/job", outcome: outcome)
        } else if var ends = results[name], !ends.isEmpty {
            // What runs is stopped first, whatever comes of the start.
            if operation == .restart, status.active == "active" {
                let hasFailed = reports[name]?.result ?? "success" != "success"
                change(name, active: "deactivating", sub: "stop-sigterm")
                change(name, active: hasFailed ? "failed" : "inactive", sub: hasFailed ? "failed" : "dead")
            }
            let end = ends.removeFirst()
            results[name] = ends
            outcome.resolve(.success(end))
            return UnitJob(unit: name, path: "/job", outcome: outcome)
        } else {
            running[name] = texts[name]
            change(name, active: "active", sub: "running")
        }
        outcome.resolve(.success(.done))
        return UnitJob(unit: name, path: "/job", outcome: outcome)
    }

    func killUnit(_ name: String, who: KillTarget, signal: Int32) throws(SystemdError) {
        try record("kill \(name) \(signal)")
        change(name, active: "failed", sub: "failed")
        for outcome in stops.removeValue(forKey: name) ?? [] { outcome.resolve(.success(.done)) }
    }

    func resetFailedUnit(_ name: String) throws(SystemdError) {
        // A unit without job, processes or file is forgotten.
        if statuses[name]?.active == "failed" { change(name, active: "inactive", sub: "dead") }
        if statuses[name]?.active == "inactive" { statuses[name] = nil }
    }

    func reload() throws(SystemdError) {
        try record("reload")
        for name in statuses.keys {
            texts[name] = try? HostFiles.read("\(searchFolder)/\(name)")
            statuses[name]?.load = texts[name] == nil ? "not-found" : "loaded"
        }
    }

    func listUnits(patterns: [String]) throws(SystemdError) -> [UnitStatus] { Array(statuses.values) }
    func listUnits(names: [String]) throws(SystemdError) -> [UnitStatus] { names.map { status($0) } }

    func properties(of name: String) throws(SystemdError) -> UnitProperties {
        _ = status(name)
        return UnitProperties(
            name: name, needDaemonReload: (try? HostFiles.read("\(searchFolder)/\(name)")) != texts[name])
    }

    func fragmentPaths(of names: [String]) throws(SystemdError) -> [String: String] {
        var paths: [String: String] = [:]
        for name in names { paths[name] = origins[name] ?? "\(searchFolder)/\(name)" }
        return paths
    }

    func startReport(of name: String, after result: JobResult) throws(SystemdError) -> StartReport {
        reports[name] ?? StartReport()
    }

    func leavesProcesses(of name: String) -> Bool { false }

    /// What runs in slices, by the slice.
    private var members: [String: [String]] = [:]

    func setMembers(_ units: [String], ofSlice name: String) { members[name] = units }
    func members(ofSlice name: String) -> [String] { members[name] ?? [] }
    /// A unit that is up without any file, as a mount that somebody has made by hand.
    func setUp(_ unit: String) {
        statuses[unit] = UnitStatus(name: unit, load: "loaded", active: "active", sub: "mounted")
    }

    func watch(_ units: [String]) async throws(SystemdError) -> [UnitStatus] {
        watched.formUnion(units)
        let answer = units.map { status($0) }
        guard !units.isEmpty, let action = beforeAnswer else { return answer }
        beforeAnswer = nil
        await action()
        return answer
    }

    func unwatch(_ units: [String]) { watched.subtract(units) }

    func changes() -> AsyncStream<Systemd.UnitChange> {
        let (stream, continuation) = AsyncStream<Systemd.UnitChange>.makeStream()
        listeners.append(continuation)
        return stream
    }
}
