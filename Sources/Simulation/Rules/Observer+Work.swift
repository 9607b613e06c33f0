// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Work that is done once: at least once, and not again when its end is written down.
extension Observer {
    func workDone(_ name: UnitName, _ variant: UnitVariant) {
        work[world.catalogue.unitIndex(of: name), default: [:]][variant.file.hash] = world.now
    }

    func noteWish(_ change: StoreChange) {
        guard change.key.kind == .unit, case .unit(let record)? = change.entry?.value else { return }
        // A unit that is made anew is another one, which is wanted for the first time.
        let isNew = change.entry?.created == change.entry?.modified
        if !isNew, let known = lastWish[change.key.subject], known.restarts == record.restarts { return }
        lastWish[change.key.subject] = (record.restarts, world.now)
    }

    /// A run begins: there must be no word of its end.
    func checkWork(_ unit: Int, _ variant: UnitVariant) {
        let entries = world.etcd.store.entries
        guard case .result(let end)? = entries[.result(unit)]?.value, end.hash == variant.file.hash,
            case .unit(let record)? = entries[.unit(unit)]?.value, record.hash == end.hash,
            record.restarts == end.restarts, record.target == .launched
        else { return }
        violate(.once, "\(record.name) runs again, though it is written down that its work is done")
    }

    /// Whether the work that `order` asks for has been done since its user last asked for it.
    func hasWorked(_ unit: Int, _ order: Assignment) -> Bool {
        guard let done = work[unit]?[order.hash] else { return false }
        return done >= (lastWish[unit]?.time ?? 0)
    }
}
