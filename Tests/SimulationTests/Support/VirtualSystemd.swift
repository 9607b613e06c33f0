// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import Simulation
import Synchronization
import Systemd
import Timing

/// Sees which units run where, on all machines at once.
final class VirtualObserver: Sendable {
    private struct State {
        var places: [String: Set<MachineID>] = [:]
        var violations: [String] = []
    }

    private let state = Mutex(State())

    /// Where each unit runs now; units that run nowhere are left out.
    var places: [String: Set<MachineID>] { state.withLock { $0.places.filter { !$0.value.isEmpty } } }

    /// Each moment at which a unit began to run on a second machine (rule R1).
    var violations: [String] { state.withLock { $0.violations } }

    func began(_ unit: String, on machine: MachineID) {
        state.withLock { state in
            state.places[unit, default: []].insert(machine)
            if state.places[unit, default: []].count > 1 { state.violations.append("\(unit) on \(machine) too") }
        }
    }

    func ended(_ unit: String, on machine: MachineID) {
        state.withLock { state in _ = state.places[unit, default: []].remove(machine) }
    }
}

/// One machine's systemd, unit files and processes in virtual time, of which nothing ever fails.
final class VirtualSystemd: UnitManager, UnitFiles, UnitProcesses {
    private struct State {
        var files: [UnitName: InstalledFile] = [:]
        var statuses: [String: UnitStatus] = [:]
        var watched: Set<String> = []
        var listeners: [AsyncStream<Systemd.UnitChange>.Continuation] = []
    }

    private let machine: MachineID
    private let clockwork: VirtualClockwork
    private let observer: VirtualObserver
    private let state = Mutex(State())

    init(_ machine: MachineID, _ clockwork: VirtualClockwork, _ observer: VirtualObserver) {
        self.machine = machine
        self.clockwork = clockwork
        self.observer = observer
    }

    private func pass(upTo milliseconds: UInt64) async {
        try? await clockwork.sleep(for: .microseconds(Int64(100 + clockwork.random() % (milliseconds * 1_000))))
    }

    private func status(_ name: String) -> UnitStatus {
        state.withLock { state in
            let isThere = state.files[UnitName(unchecked: name)] != nil
            var status =
                state.statuses[name] ?? UnitStatus(name: name, load: "loaded", active: "inactive", sub: "dead")
            status.load = isThere || status.active == "active" ? "loaded" : "not-found"
            return status
        }
    }

    private func become(_ name: String, _ active: String, _ sub: String) {
        var status = status(name)
        (status.active, status.sub) = (active, sub)
        let (known, listeners) = (
            status,
            state.withLock { state in
                state.statuses[name] = status
                return state.watched.contains(name) ? state.listeners : []
            }
        )
        if active == "active" { observer.began(name, on: machine) } else { observer.ended(name, on: machine) }
        for listener in listeners { listener.yield(.unitChanged(known)) }
    }

    // MARK: UnitManager

    func queue(_ operation: UnitOperation, _ name: String, mode: JobMode) async throws(SystemdError) -> UnitJob {
        await pass(upTo: 3)
        guard status(name).load == "loaded" else {
            throw SystemdError(code: .noSuchUnit, message: "Unit \(name) not found.")
        }
        let outcome = JobOutcome()
        clockwork.spawn {
            await self.pass(upTo: 100)
            if operation != .start { self.become(name, "inactive", "dead") }
            if operation != .stop { self.become(name, "active", "running") }
            outcome.resolve(.success(.done))
        }
        return UnitJob(unit: name, path: "/job", outcome: outcome)
    }

    func killUnit(_ name: String, who: KillTarget, signal: Int32) async throws(SystemdError) {
        become(name, "failed", "failed")
    }

    func linkUnitFiles(_ paths: [String], runtime: Bool, force: Bool) async throws(SystemdError) -> [UnitFileChange] {
        await pass(upTo: 3)
        return []
    }

    func loadUnit(_ name: String) async throws(SystemdError) {}
    func resetFailedUnit(_ name: String) async throws(SystemdError) {}
    func reload() async throws(SystemdError) { await pass(upTo: 500) }
    func listUnits(patterns: [String]) async throws(SystemdError) -> [UnitStatus] { [] }

    func listUnits(names: [String]) async throws(SystemdError) -> [UnitStatus] {
        await pass(upTo: 3)
        return names.map { status($0) }
    }

    func fragmentPaths(of names: [String]) async throws(SystemdError) -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, "/units/\($0)") })
    }

    func members(ofSlice name: String) async throws(SystemdError) -> [String] { [] }
    func startReport(of name: String, after result: JobResult) async throws(SystemdError) -> StartReport {
        StartReport()
    }
    func leavesProcesses(of name: String) async throws(SystemdError) -> Bool { false }

    func properties(of name: String) async throws(SystemdError) -> UnitProperties {
        UnitProperties(name: name, needDaemonReload: false)
    }

    func watch(_ units: [String]) async throws(SystemdError) -> [UnitStatus] {
        await pass(upTo: 3)
        state.withLock { $0.watched.formUnion(units) }
        return units.map { status($0) }
    }

    func unwatch(_ units: [String]) async { state.withLock { $0.watched.subtract(units) } }

    func changes() async -> AsyncStream<Systemd.UnitChange> {
        let (stream, continuation) = AsyncStream<Systemd.UnitChange>.makeStream()
        state.withLock { $0.listeners.append(continuation) }
        return stream
    }

    // MARK: UnitFiles

    func files() async -> [InstalledFile] { state.withLock { $0.files.values.sorted { $0.unit < $1.unit } } }
    func file(of unit: UnitName) async -> InstalledFile? { state.withLock { $0.files[unit] } }
    func fencedUnits() async -> [UnitName] { await files().filter { !$0.isKept }.map(\.unit) }
    func path(of unit: UnitName) async -> String { "/units/\(unit)" }
    func isOurs(_ fragment: String, _ unit: UnitName) async -> Bool { true }
    func exists(_ path: String) async -> Bool { true }
    func programPlaces() async -> [String] { [] }

    func note(_ unit: UnitName, started hash: ContentHash?) async throws(HostError) {
        state.withLock { $0.files[unit]?.startedHash = hash }
    }

    func hasStarted(_ unit: UnitName) async -> Bool { await file(of: unit)?.startedHash != nil }
    func takeUp(_ unit: UnitName, hash: ContentHash) async {}

    func write(
        _ file: UnitFile, for unit: UnitName
    ) async throws(HostError) -> (file: InstalledFile, isReplacement: Bool) {
        await pass(upTo: 3)
        return state.withLock { state in
            let former = state.files[unit]
            let next = InstalledFile(
                unit: unit, hash: file.hash, isKept: false, runs: RunPolicy(of: file, for: unit),
                startedHash: former?.startedHash)
            state.files[unit] = next
            return (next, former != nil)
        }
    }

    func renewDropIns() async throws(HostError) -> Bool { false }
    func enable(_ files: [InstalledFile]) async -> (isChanged: Bool, refusals: [UnitName: String]) { (false, [:]) }
    func disable(_ units: [UnitName]) async throws(HostError) -> Bool { false }
    func hide(_ unit: UnitName) async throws(HostError) -> Bool { false }
    func remove(_ unit: UnitName) async throws(HostError) { state.withLock { $0.files[unit] = nil } }
    func damaged() async -> (units: [UnitName], new: [UnitName]) { ([], []) }
    func isMissing(_ unit: UnitName) async -> Bool { false }
    func probe() async throws(HostError) {}

    // MARK: UnitProcesses

    func end(_ units: [String], patience: Duration) async -> [String] { [] }
}
