// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Which units stand on which machines, with the look-ups that placement asks for.
///
/// Machines have slots, small integers that stay theirs while they live, so that tables are keyed cheaply.
package struct Occupancy: Sendable {
    struct Slot: Sendable {
        var machine: MachineRecord
        /// Every unit that stands here, and whether it is to stay (assigned) or is being stopped.
        var occupants: [UnitName: Bool] = [:]
        /// Units here that evict others (`Replaces`), in name order.
        var replacers: [UnitTraits] = []
        /// It takes no new units.
        var isClosed = false
        var load: Int { occupants.count }
    }

    private(set) var slots: [Slot?] = []
    private var slotOfMachine: [MachineID: Int] = [:]
    private var freeSlots: [Int] = []
    private(set) var traits: [UnitName: UnitTraits] = [:]
    /// Slots that each unit stands on.
    private var slotsOfUnit: [UnitName: [Int]] = [:]
    /// By alias: the units that stand somewhere and are called so, too, in name order.
    private var unitsOfAlias: [UnitName: [UnitName]] = [:]
    /// By template, then by slot: how many instances stand there.
    private var instances: [UnitName: [Int: Int]] = [:]
    /// By unit that is named in a literal `Conflicts=`, then by slot: how many units there declare it.
    private var literalConflicts: [UnitName: [Int: Int]] = [:]
    /// By port, then by slot: how many units there have it.
    private var claims: [Port: [Int: Int]] = [:]
    var patterns = PatternTable()
    /// Slots of all live machines in the order of their ids.
    private(set) var order: [Int] = []

    package init() {}

    func slot(of machine: MachineID) -> Int? { slotOfMachine[machine] }

    /// Slots that units stand on whose own name or alias is `name`.
    func slots(of name: UnitName) -> [Int] {
        let own = slotsOfUnit[name] ?? []
        guard let others = unitsOfAlias[name] else { return own }
        return own + others.flatMap { slotsOfUnit[$0] ?? [] }
    }

    /// Whether a unit whose own name or alias is `name` stands there, to stay or to be stopped.
    func stands(_ name: UnitName, on slot: Int) -> Bool {
        slots[slot]?.occupants[name] != nil
            || unitsOfAlias[name]?.contains { slots[slot]?.occupants[$0] != nil } == true
    }

    /// Whether a unit whose own name or alias is `name` is to stay there.
    func isAssigned(_ name: UnitName, on slot: Int) -> Bool {
        slots[slot]?.occupants[name] == true
            || unitsOfAlias[name]?.contains { slots[slot]?.occupants[$0] == true } == true
    }

    func instances(of template: UnitName, on slot: Int) -> Int { instances[template]?[slot] ?? 0 }

    func declaresLiteralConflict(with unit: UnitTraits, on slot: Int) -> Bool {
        unit.names.contains { literalConflicts[$0]?[slot] != nil }
    }

    /// Whether a unit other than `unit` has the port there.
    func isTaken(_ port: Port, on slot: Int, byOtherThan unit: UnitName) -> Bool {
        guard let count = claims[port]?[slot] else { return false }
        let isOwn = slots[slot]?.occupants[unit] != nil && traits[unit]?.options.ports.contains(port) == true
        return count > (isOwn ? 1 : 0)
    }

    /// A machine is there, or its record changed.
    package mutating func put(_ machine: MachineRecord) {
        if let slot = slotOfMachine[machine.id] {
            slots[slot]?.machine = machine
            return
        }
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(nil) }
        slots[slot] = Slot(machine: machine)
        slotOfMachine[machine.id] = slot
        order.insert(slot, at: position(of: machine.id))
    }

    /// Says whether a machine takes new units.
    mutating func close(_ machine: MachineID, _ isClosed: Bool) {
        if let slot = slotOfMachine[machine] { slots[slot]?.isClosed = isClosed }
    }

    /// Where a machine belongs in `order`.
    private func position(of machine: MachineID) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if let other = slots[order[middle]]?.machine.id, other < machine { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// A machine is gone, with everything that stood on it.
    package mutating func remove(_ machine: MachineID) {
        guard let slot = slotOfMachine[machine] else { return }
        for unit in (slots[slot]?.occupants.keys).map(Array.init) ?? [] { vacate(unit, slot: slot) }
        slotOfMachine[machine] = nil
        slots[slot] = nil
        freeSlots.append(slot)
        order.removeAll { $0 == slot }
    }

    /// Says what stands on a live machine: `isAssigned` false for a unit that is only being stopped there.
    mutating func occupy(_ unit: UnitTraits, slot: Int, isAssigned: Bool) {
        update(unit)
        guard slots[slot]?.occupants[unit.name] == nil else {
            slots[slot]?.occupants[unit.name] = isAssigned
            return
        }
        learn(unit)
        slots[slot]?.occupants[unit.name] = isAssigned
        slotsOfUnit[unit.name, default: []].append(slot)
        count(unit, on: slot, change: 1)
    }

    mutating func vacate(_ unit: UnitName, slot: Int) {
        guard slots[slot]?.occupants.removeValue(forKey: unit) != nil, let traits = traits[unit] else { return }
        count(traits, on: slot, change: -1)
        slotsOfUnit[unit]?.removeAll { $0 == slot }
        if slotsOfUnit[unit]?.isEmpty == true {
            slotsOfUnit[unit] = nil
            self.traits[unit] = nil
            for alias in traits.aliases {
                unitsOfAlias[alias]?.removeAll { $0 == unit }
                if unitsOfAlias[alias]?.isEmpty == true { unitsOfAlias[alias] = nil }
            }
        }
    }

    /// Replaces what is known of a unit wherever it stands.
    mutating func update(_ unit: UnitTraits) {
        guard let known = traits[unit.name], known != unit else { return }
        let standing = (slotsOfUnit[unit.name] ?? []).map { ($0, slots[$0]?.occupants[unit.name] ?? false) }
        for (slot, _) in standing { vacate(unit.name, slot: slot) }
        for (slot, isAssigned) in standing { occupy(unit, slot: slot, isAssigned: isAssigned) }
    }

    private mutating func learn(_ unit: UnitTraits) {
        if traits.updateValue(unit, forKey: unit.name) == nil {
            for alias in unit.aliases {
                unitsOfAlias[alias, default: []].append(unit.name)
                unitsOfAlias[alias]?.sort()
            }
        }
        learnPatterns(of: unit)
    }

    /// Makes the patterns of a unit known before it is tested or placed.
    mutating func learnPatterns(of unit: UnitTraits) {
        for glob in unit.globConflicts where !patterns.knows(glob) {
            let occupants = slots.indices.lazy.flatMap { [slots, traits] slot in
                (slots[slot]?.occupants.keys).map { $0.map { (slot: slot, names: traits[$0]?.names ?? [$0]) } } ?? []
            }
            patterns.learn(glob, occupants: occupants)
        }
    }

    private mutating func count(_ unit: UnitTraits, on slot: Int, change: Int) {
        patterns.count(unit, on: slot, change: change)
        for name in unit.exactConflicts { Self.add(change, to: &literalConflicts, name, slot) }
        for port in unit.options.ports { Self.add(change, to: &claims, port, slot) }
        if let template = unit.template { Self.add(change, to: &instances, template, slot) }
        guard !unit.options.replaces.isEmpty else { return }
        slots[slot]?.replacers.removeAll { $0.name == unit.name }
        if change > 0 {
            slots[slot]?.replacers.append(unit)
            slots[slot]?.replacers.sort { $0.name < $1.name }
        }
    }

    private static func add<Key: Hashable>(
        _ change: Int, to table: inout [Key: [Int: Int]], _ key: Key, _ slot: Int
    ) {
        let sum = (table[key]?[slot] ?? 0) + change
        table[key, default: [:]][slot] = sum == 0 ? nil : sum
        if table[key]?.isEmpty == true { table[key] = nil }
    }
}
