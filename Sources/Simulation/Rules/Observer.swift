// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Sees every process and every commit, and says when a rule is broken.
///
/// It knows what no machine knows: what really runs where, now.
final class Observer {
    unowned let world: World
    private(set) var violation: Violation?
    /// By unit, then by machine: the file that the processes were started from.
    private(set) var running: [[Int: UnitVariant]]
    /// Until when each machine may have had cause to fence itself.
    private var disturbedUntil: [Int64]
    private(set) var isWiped = false
    /// When each machine's record last came or went, and each machine's metadata last changed.
    private var lastRecordChange: [Int64]
    private var lastUnitChange: [Int64]
    private var lastControlChange: [Int64]
    /// By unit that runs once: which files' work was done, and when last.
    var work: [Int: [ContentHash: Int64]] = [:]
    /// At which revision each standing assignment was last written.
    private var placedAt: [StoreKey: Int64] = [:]
    /// The file that each standing assignment names.
    var orderedFile: [StoreKey: ContentHash] = [:]
    /// When users last asked for a unit to be run again.
    var lastWish: [Int: (restarts: Int, time: Int64)] = [:]
    /// Since when each machine's record has been there without a gap.
    private(set) var recordSince: [Int64]
    /// When machines vanished that have not come back.
    var losses: [Int: Int64] = [:]
    var suspicion: Suspicion?
    var surrenders = Surrenders()
    var steps = Steps()
    /// By machine: which unit last left it because it is being drained.
    var drained: [Int: Int] = [:]
    /// The same, until the unit has come to rest.
    var arriving: [Int: Int] = [:]

    init(world: World) {
        self.world = world
        running = world.catalogue.units.map { _ in [:] }
        disturbedUntil = Array(repeating: 0, count: world.setting.hosts)
        lastRecordChange = Array(repeating: 0, count: world.setting.hosts)
        lastControlChange = Array(repeating: 0, count: world.setting.hosts)
        recordSince = Array(repeating: 0, count: world.setting.hosts)
        lastUnitChange = Array(repeating: 0, count: world.catalogue.units.count)
    }

    func violate(_ rule: Violation.Rule, _ text: String) {
        guard violation == nil else { return }
        violation = Violation(rule: rule, time: world.now, text: text)
        world.note { "\(rule.rawValue) IS BROKEN: \(text)" }
    }

    // MARK: Processes

    func processStarted(_ host: Int, _ name: UnitName, _ variant: UnitVariant) {
        let unit = world.catalogue.unitIndex(of: name)
        world.mix(UInt64(1 << 20 | host << 8 | unit))
        world.note { "\(world.catalogue.name(ofHost: host)): \(name) starts" }
        running[unit][host] = variant
        if variant.isOnce { checkWork(unit, variant) }
        guard variant.isSingle else { return }
        for (other, copy) in running[unit].sorted(by: { $0.key < $1.key }) where other != host && copy.isSingle {
            violate(
                .r1, "\(name) runs on \(world.catalogue.name(ofHost: other)) and \(world.catalogue.name(ofHost: host))")
        }
    }

    func processEnded(_ host: Int, _ name: UnitName) {
        let unit = world.catalogue.unitIndex(of: name)
        world.mix(UInt64(2 << 20 | host << 8 | unit))
        world.note { "\(world.catalogue.name(ofHost: host)): \(name) has ended" }
        running[unit][host] = nil
    }

    // MARK: Causes

    func disturbed(_ host: Int, until time: Int64) {
        // A lease's lifetime and the waits of clients on top: what the fault set off is over by then.
        disturbedUntil[host] = max(disturbedUntil[host], time + 8 * Span.second)
    }

    func disturbance(of host: Int) -> Int64 { disturbedUntil[host] }

    /// Whether a machine may be stopping units for a cause of its own, or has none to stop.
    private func isDisturbed(_ host: Int) -> Bool {
        disturbedUntil[host] > world.now || !world.hosts[host].isOn
            || !running.contains { $0[host].map { !$0.isKept } ?? false }
    }

    func fenced(_ host: Int) {
        guard !isDisturbed(host) else { return }
        violate(
            isWiped ? .r8 : .r4,
            "\(world.catalogue.name(ofHost: host)) fences itself, and nothing but etcd is ailing")
    }

    func guardFired(_ host: Int) {
        guard !isDisturbed(host) else { return }
        violate(
            isWiped ? .r8 : .r4,
            "the guard of \(world.catalogue.name(ofHost: host)) fires, and nothing but etcd is ailing")
    }

    func reported(_ report: SessionCore.Report, _ host: Int) { world.mix(UInt64(3 << 20 | host)) }

    func storeWiped() {
        isWiped = true
        placedAt = [:]
        orderedFile = [:]
        steps = Steps()
    }

    // MARK: Commits

    func committed(_ commit: StoreCommit, by transaction: StoreTransaction?) {
        for change in commit.changes where change.key.kind == .machine || change.key.kind == .metadata {
            lastRecordChange[change.key.machine] = world.now
        }
        noteLosses(commit)
        noteAble(commit)
        for change in commit.changes where change.key.kind == .machine {
            if let entry = change.entry, entry.created == entry.modified { recordSince[change.key.machine] = world.now }
        }
        for change in commit.changes where change.key.kind == .control {
            lastControlChange[change.key.machine] = world.now
            drained[change.key.machine] = nil
            arriving[change.key.machine] = nil
        }
        noteArrivals(commit)
        checkSteps(commit)
        for change in commit.changes { noteWish(change) }
        for change in commit.changes where change.key.kind == .unit { lastUnitChange[change.key.subject] = world.now }
        if world.isShipped, transaction?.epoch == nil,
            let change = commit.changes.first(where: { $0.key.kind == .schedule })
        {
            let unit = world.catalogue.name(ofUnit: change.key.subject)
            violate(.r2, "the order of \(unit) is changed in a transaction that compares no leader's epoch")
        }
        guard let transaction, let epoch = transaction.epoch else { return }
        let touched = commit.changes.filter { [.schedule, .file, .seen, .brake].contains($0.key.kind) }
        guard !touched.isEmpty else { return }
        if world.etcd.store.entries[.leader]?.created != epoch {
            violate(.r2, "a leader of epoch \(epoch) writes, which is over: \(world.catalogue.text(of: commit))")
        }
        for change in touched where change.key.kind == .schedule {
            if change.entry == nil { checkWithdrawal(change.key, transaction) }
            checkLeaving(change, transaction)
            checkPorts(change, transaction)
            placedAt[change.key] = change.entry?.modified
        }
        checkTakeovers(transaction)
    }

    /// A unit that may stay where it is, and that nobody asked to move, stays (rule R7).
    private func checkWithdrawal(_ key: StoreKey, _ transaction: StoreTransaction) {
        let entries = world.etcd.store.entries
        let catalogue = world.catalogue
        // An order older than the unit is of a destroyed unit of its name.
        if let placed = placedAt[key], let unit = entries[.unit(key.subject)], unit.created > placed { return }
        guard Catalogue.plainUnits.contains(key.subject),
            case .unit(let unit)? = entries[.unit(key.subject)]?.value, unit.target > .inactive,
            world.now - lastRecordChange[key.machine] > 10 * Span.second,
            case .machine(let machine)? = entries[.machine(key.machine)]?.value,
            let variant = catalogue.variant(of: unit.name, hash: unit.hash), !variant.options.isGlobal,
            world.now - lastUnitChange[key.subject] > 10 * Span.second
        else { return }
        var metadata = machine.metadata
        if case .metadata(let laid)? = entries[.metadata(key.machine)]?.value {
            for (key, value) in laid { metadata[key] = value }
        }
        guard variant.options.metadata.accepts(metadata) else { return }
        if case .control(let wanted)? = entries[.control(key.machine)]?.value, wanted.isDraining { return }
        guard world.now - lastControlChange[key.machine] > 10 * Span.second else { return }
        violate(.r7, "\(unit.name) is taken off \(catalogue.name(ofHost: key.machine)), which lives and suits it")
    }
}
