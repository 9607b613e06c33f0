// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the beginning and the end of a session make of the units that are there.
extension AgentCore {
    /// Adopts what runs: a unit with its file in force and its target state issued is left alone.
    mutating func enter(
        own: [UnitState], orders: [Order], installed: [InstalledFile], observed: [Observation]
    ) {
        entries = [:]
        isServing = true
        publishing = [:]
        unpublished = []
        publishRetry = nil
        recordFailed(retry: nil)
        for file in installed {
            update(file.unit) {
                $0.file = file
                $0.isUnlinked = file.isDamaged
                $0.acted = .loaded
            }
        }
        for one in observed where entries[one.unit] != nil {
            update(one.unit) { entry in
                entry.observed = one
                guard !one.isDown else { return }
                // On its way down it was being stopped, as far as anybody can tell; only work that is done once is left at that.
                if one.active == "deactivating", entry.file?.runs == .always { return }
                entry.acted = .launched
                // The former tenure got as far as the new file, not as far as the restart.
                if let started = entry.file?.startedHash, started != entry.file?.hash { entry.outdated = started }
            }
        }
        for order in orders {
            update(order.unit) { entry in
                entry.order = order
                entry.restarts = order.assignment.restarts
            }
        }
        for state in own {
            update(state.unit) { entry in
                entry.isClaimed = true
                entry.published = state
                // Shown as long as the unit is down for it; the former run of the agent has heard it, this one may ask again.
                if entry.observed?.showsFailure == true { entry.failure = state.health }
                guard let file = entry.file else { return }
                // What is only loaded may run all the same: through its timer, its socket or the unit that wants it.
                if entry.order?.assignment.target == .loaded { entry.acted = .loaded }
                // A start that left no trace in systemd may never have reached it; only work that is done once is left at that.
                let isUp = entry.observed.map { !$0.isDown } ?? false
                let wasStarted = file.startedHash != nil && (isUp || file.runs != .always)
                // One that was on its way down when the former run ended was being stopped, as far as anybody can tell.
                let isStopping = entry.observed?.active == "deactivating"
                let wasStopping = (isStopping || state.active == "deactivating" && !isUp) && file.runs == .always
                entry.acted = wasStopping ? .loaded : max(entry.acted, wasStarted ? .launched : state.acted)
                entry.restarts = state.restarts
                entry.automaticRestarts = state.automaticRestarts
                // Of one that was being stopped nothing runs that could be out of date.
                if wasStopping { entry.outdated = nil }
                let isLaunched = entry.acted == .launched && state.acted == .launched
                let started = file.startedHash ?? state.hash
                if isLaunched, state.hash != file.hash, started != file.hash { entry.outdated = started }
            }
            resume(state)
        }
    }

    /// The session is gone: nothing is claimed, and what had to be stopped has been.
    mutating func leave() {
        isServing = false
        publishing = [:]
        for unit in entries.keys.sorted() {
            guard let file = entries[unit]?.file else {
                entries[unit] = nil
                continue
            }
            entries[unit]?.order = nil
            entries[unit]?.isClaimed = false
            entries[unit]?.published = nil
            entries[unit]?.operation = nil
            entries[unit]?.heldBack = nil
            entries[unit]?.work = nil
            entries[unit]?.start = nil
            entries[unit]?.retry = nil
            entries[unit]?.pace = ReportPace()
            if !file.isKept { entries[unit]?.acted = .loaded }
        }
    }
}
