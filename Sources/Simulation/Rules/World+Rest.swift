// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What a cluster looks like when all is as users want it.
extension World {
    /// What is not yet as it should be; `nil` when the cluster is at rest.
    ///
    /// - Source: DESIGN section 4, rules R3, R5 and R9.
    func unrest() -> String? {
        let entries = etcd.store.entries
        for host in hosts where host.isOn {
            guard entries[.machine(host.index)] != nil,
                isShipped || host.mirror?.session.core.currentLease != nil
            else { return "\(host.name) has no session" }
        }
        for key in entries.keys where key.kind == .machine || key.kind == .state {
            if !hosts[key.machine].isOn { return "\(hosts[key.machine].name) is off and has keys" }
        }
        guard entries[.leader] != nil, let engine = leadingEngine() else { return "nobody leads" }
        for (key, entry) in entries where entries[.brake] == nil {
            // Rule R14: it has come to an end, or stands paused with a reason.
            guard case .operation(let operation) = entry.value else { continue }
            if operation.state == .running { return "operation \(key.subject) goes on" }
            if operation.state == .paused, operation.reason.isEmpty {
                return "operation \(key.subject) is paused for no reason"
            }
        }
        for host in hosts where host.isOn {
            if let text = unrest(of: host, entries) { return text }
        }
        return unplaced(entries, engine)
    }

    /// Whether the leading engine says of a unit that it cannot be placed now.
    func isWaiting(_ unit: UnitName) -> Bool { leadingEngine()?.waiting[unit] != nil }

    private func leadingEngine() -> Engine? {
        guard let epoch = etcd.store.entries[.leader]?.created else { return nil }
        if isShipped { return freshEngine() }
        for host in hosts {
            if let shell = host.mirror?.election.engine, shell.epoch == epoch { return shell.engine }
        }
        return nil
    }

    /// What a leader that began now would think.
    private func freshEngine() -> Engine {
        var engine = Engine(etcd.store.clusterEvents, revision: etcd.store.revision)
        _ = engine.plan()
        return engine
    }

    /// Whether a machine has exactly the files, processes and states that its orders ask for.
    private func unrest(of host: Host, _ entries: [StoreKey: StoreEntry]) -> String? {
        for unit in catalogue.units.indices {
            let name = catalogue.units[unit]
            let state = entries[.state(host.index, unit)]?.value
            guard case .assignment(let order)? = entries[.schedule(host.index, unit)]?.value else {
                if host.runtime.files[name] != nil { return "\(host.name) still has the file of \(name)" }
                if observer.running[unit][host.index] != nil { return "\(host.name) still runs \(name)" }
                if state != nil { return "\(host.name) still has a state of \(name)" }
                continue
            }
            guard let variant = host.runtime.files[name], variant.file.hash == order.hash else {
                return "\(host.name) has not the file of \(name)"
            }
            guard case .state(let report)? = state, report.acted == order.target,
                order.target == .loaded || report.restarts >= order.restarts,
                report.hash == order.hash
            else { return "\(host.name) has not reported \(name) as ordered" }
            let copy = observer.running[unit][host.index]
            let shouldRun = order.target == .launched && !variant.behaviour.fails && !variant.isOnce
            if variant.isOnce, order.target == .launched, !observer.hasWorked(unit, order) {
                return "\(name) has not done its work"
            }
            if shouldRun, copy?.file.hash != order.hash, !isEndedByItself(host, name) {
                return "\(host.name) does not run \(name) as ordered"
            }
            if !shouldRun, copy != nil { return "\(host.name) runs \(name), which is not to run" }
            let seen = host.systemd.observation(of: name)
            // What failed elsewhere for good is shown as failed here.
            if report.active != seen.active, !(variant.isOnce && report.active == "failed") {
                return "\(host.name) reports \(name) as \(report.active), not \(seen.active)"
            }
        }
        return nil
    }

    /// A unit that crashed and has no `Restart=` stays down, as its file says.
    private func isEndedByItself(_ host: Host, _ name: UnitName) -> Bool {
        guard let unit = host.systemd.units[name] else { return false }
        return unit.active == "failed" && !unit.variant.behaviour.restarts
    }

    /// Every unit that is to be somewhere is, or somebody can say why not; and a new engine would change nothing.
    private func unplaced(_ entries: [StoreKey: StoreEntry], _ engine: Engine) -> String? {
        for unit in catalogue.units.indices {
            guard case .unit(let record)? = entries[.unit(unit)]?.value else { continue }
            // What a lost machine was ordered last stands until another one can take the unit.
            let orders = hosts.indices.compactMap { host -> Assignment? in
                guard entries[.machine(host)] != nil else { return nil }
                guard case .assignment(let order)? = entries[.schedule(host, unit)]?.value else { return nil }
                return order
            }
            let made = entries[.unit(unit)]?.created ?? 0
            for host in hosts.indices where entries[.machine(host)] != nil {
                if let order = entries[.schedule(host, unit)], order.modified < made {
                    return "\(record.name) has the order of a destroyed unit of its name on \(hosts[host].name)"
                }
            }
            guard record.target > .inactive else {
                if !orders.isEmpty { return "\(record.name) is inactive and assigned" }
                continue
            }
            if let stale = orders.first(where: { $0 != Assignment(of: record, on: $0.machine) }) {
                return "\(record.name) is assigned otherwise than wanted on \(hosts[hostIndex(of: stale.machine)].name)"
            }
            guard orders.isEmpty else { continue }
            if engine.waiting[record.name] == nil || isMutant(.silentRefusal) {
                return "\(record.name) is placed nowhere, and no reason is told"
            }
        }
        var fresh = Engine(engine.state.events, revision: etcd.store.revision)
        let steps = fresh.plan().steps
        return steps.isEmpty ? nil : "a new engine would move \(steps.map(\.unit.rawValue).joined(separator: ", "))"
    }
}
