// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How a unit's file comes to the machine, is lost there, and goes.
extension AgentCore {
    mutating func installed(_ file: InstalledFile) {
        finish(file.unit, .installing) { entry in
            if entry.acted == .launched {
                let running = entry.outdated ?? entry.file?.hash
                entry.outdated = running == file.hash ? nil : running
            } else if entry.isUp, let former = entry.file?.hash, former != file.hash {
                entry.isOfFormerFile = true
            }
            entry.file = file
            entry.isUnlinked = false
            entry.problem = nil
            entry.refusals = 0
            entry.acted = max(entry.acted, .loaded)
        }
        retryRefused()
    }

    mutating func installFailed(_ unit: UnitName, _ reason: String, _ fault: InstallFault, at now: Moment) {
        guard let entry = entries[unit], entry.operation == .installing else { return }
        let pause =
            switch fault {
            case .passing: Self.retryInterval
            case .standing: Self.pause(after: entry.refusals)
            // Files in the store never change under their hash.
            case .lasting: Self.longestRetryInterval
            }
        fail(unit, .installing, at: now, pause: pause)
        entries[unit]?.problem = reason
        if fault == .standing { entries[unit]?.refusals += 1 }
    }

    /// Somebody has removed something of these units.
    mutating func damaged(_ units: [UnitName]) {
        for unit in units where entries[unit]?.file != nil && entries[unit]?.isUnlinked == false {
            // What was refused before may have been for want of this.
            update(unit) { ($0.isUnlinked, $0.retry) = (true, nil) }
        }
    }

    /// systemd did not find the unit when it was ordered to start: nobody is told, for nothing stands against the unit itself.
    mutating func missing(_ unit: UnitName) {
        guard let operation = entries[unit]?.operation, operation == .starting || operation == .restarting else {
            return
        }
        finish(unit, operation) { $0.isUnlinked = true }
    }

    mutating func uninstalled(_ units: [UnitName]) {
        for unit in units {
            finish(unit, .uninstalling) {
                $0.file = nil
                $0.acted = .inactive
                $0.isRevived = false
                $0.observed = nil
                $0.remark = nil
            }
        }
    }

    /// Takes the next step towards forgetting a unit that is no longer ordered.
    mutating func release(_ unit: UnitName, _ entry: Entry, into directives: inout AgentDirectives) {
        if entry.file != nil, !entry.isRevived, entry.isUp || entry.acted == .launched {
            entries[unit]?.operation = .stopping
            directives.stop.append(unit)
        } else if entry.file != nil {
            entries[unit]?.operation = .uninstalling
            entries[unit]?.isUnlinked = true
            directives.uninstall.append(unit)
        } else if entry.isClaimed || entry.isClaimDoubtful {
            // A report that overtakes the deletion would bring the key back, for ever.
            guard publishing[unit] == nil else { return }
            entries[unit]?.operation = .withdrawing
            directives.withdraw.append(unit)
        } else {
            entries[unit] = nil
            ledger.known[unit] = nil
            ledger.recorded[unit] = nil
            unpublished.remove(unit)
        }
    }
}
