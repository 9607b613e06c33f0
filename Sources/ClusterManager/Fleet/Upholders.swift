// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Which units have systemd start which others again whenever these have gone down, by the files alone.
///
/// A wait asks that of every unit that it follows at every event; so each file is read once, when it comes.
struct Upholders: Sendable, Equatable {
    /// What a file holds up: a unit, or all instances of a template.
    enum Held: Hashable, Sendable {
        case unit(String)
        case instances(of: String)
    }

    /// By what they hold up, those whose own file says so.
    private var holders: [Held: Set<UnitName>] = [:]
    /// By what is held up, those that its own `[Install]` section names.
    private var named: [UnitName: Set<String>] = [:]

    /// Takes over one unit's change.
    mutating func replace(_ old: FleetUnit?, by new: FleetUnit?) {
        // Most changes leave the file alone; the hash is of all of it, also where a listing has left the comments out.
        guard old?.hash != new?.hash else { return }
        if let old {
            named[old.name] = nil
            for held in old.holdsUp {
                holders[held]?.remove(old.name)
                if holders[held]?.isEmpty == true { holders[held] = nil }
            }
        }
        guard let new else { return }
        for held in new.holdsUp { holders[held, default: []].insert(new.name) }
        let owners = new.upheldBy
        if !owners.isEmpty { named[new.name] = owners }
    }

    /// Names of those that hold up `unit`, wherever they are and whether they are up or not.
    func names(holding unit: UnitName) -> Set<String> {
        var held = [Held.unit(unit.rawValue)]
        if let template = unit.template { held.append(.instances(of: template.rawValue)) }
        return held.reduce(into: named[unit] ?? []) { names, held in
            for name in holders[held] ?? [] { names.insert(name.rawValue) }
        }
    }
}
