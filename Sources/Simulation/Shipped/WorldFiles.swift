// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore

/// The runtime folder of a machine, as one process of the agent sees it: what `UnitFolder` is on a machine.
final class WorldFiles: UnitFiles, @unchecked Sendable {
    private let host: Host
    private var removed: Set<UnitName> = []

    static let folder = "/units/"

    init(host: Host) { self.host = host }

    func files() async -> [InstalledFile] { host.runtime.files.keys.sorted().compactMap { entry($0) } }

    func file(of unit: UnitName) async -> InstalledFile? { entry(unit) }

    private func entry(_ unit: UnitName) -> InstalledFile? {
        host.runtime.files[unit].map {
            InstalledFile(
                unit: unit, hash: $0.file.hash, isKept: $0.isKept, runs: $0.runs,
                startedHash: host.runtime.started[unit])
        }
    }

    func fencedUnits() async -> [UnitName] {
        host.world.brokenPort == .emptyFence ? [] : await files().filter { !$0.isKept }.map(\.unit)
    }

    func path(of unit: UnitName) async -> String { Self.folder + unit.rawValue }

    func isOurs(_ fragment: String, _ unit: UnitName) async -> Bool { true }

    func exists(_ path: String) async -> Bool { true }

    func programPlaces() async -> [String] { [] }

    func note(_ unit: UnitName, started hash: ContentHash?) async throws(HostError) {
        host.runtime.started[unit] = hash
    }

    func hasStarted(_ unit: UnitName) async -> Bool { host.runtime.started[unit] != nil }

    func takeUp(_ unit: UnitName, hash: ContentHash) async {}

    func write(
        _ file: UnitFile, for unit: UnitName
    ) async throws(HostError) -> (file: InstalledFile, isReplacement: Bool) {
        guard let variant = host.world.catalogue.variant(of: unit, hash: file.hash) else {
            throw HostError("no such file in the catalogue")
        }
        let isReplacement = host.runtime.files[unit] != nil || removed.contains(unit)
        host.runtime.files[unit] = variant
        guard let entry = entry(unit) else { throw HostError("the file is not there") }
        return (entry, isReplacement)
    }

    func renewDropIns() async throws(HostError) -> Bool { false }

    func enable(_ files: [InstalledFile]) async -> (isChanged: Bool, refusals: [UnitName: String]) { (false, [:]) }

    func disable(_ units: [UnitName]) async throws(HostError) -> Bool { false }

    func hide(_ unit: UnitName) async throws(HostError) -> Bool {
        host.runtime.links.remove(unit)
        return false
    }

    func remove(_ unit: UnitName) async throws(HostError) {
        host.runtime.links.remove(unit)
        host.runtime.started[unit] = nil
        host.runtime.files[unit] = nil
        removed.insert(unit)
    }

    func damaged() async -> (units: [UnitName], new: [UnitName]) { ([], []) }

    func isMissing(_ unit: UnitName) async -> Bool {
        host.runtime.files[unit] == nil || !host.runtime.links.contains(unit)
    }

    func probe() async throws(HostError) {}
}

/// The guard beside one process of the agent.
final class WorldGuard: MachineGuard, @unchecked Sendable {
    private let host: Host
    private let control: GuardControl

    init(host: Host) {
        self.host = host
        control = GuardControl(host: host)
    }

    /// - Returns: Whether it ran.
    func prepare() -> Bool { control.prepare() }

    func feed(until deadline: Moment) async -> Bool {
        control.feed(until: host.world.brokenPort == .deafGuard ? deadline + .seconds(3600) : deadline)
    }

    func disarm() async { control.disarm() }

    func list(fenced units: [UnitName], isProbe: Bool) async throws(HostError) {
        guard host.hindrances == 0 else { throw HostError("the guard's list cannot be written") }
        control.list(fenced: units)
    }
}

/// The session on the machine's disk, and the list of other machines, which nobody reads here.
final class WorldKeeper: SessionKeeper, Roster, @unchecked Sendable {
    private let host: Host

    init(host: Host) { self.host = host }

    func store(_ session: Agent.SavedSession) throws(HostError) { host.runtime.saved = session }

    func discard() { host.runtime.saved = nil }

    func adopt(_ session: Agent.SavedSession) throws(HostError) -> Bool { false }

    func note(_ records: [MachineRecord]) async {}
}
