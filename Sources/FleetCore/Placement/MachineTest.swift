// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Tests machines for one unit, rule by rule.
struct MachineTest {
    let unit: UnitTraits
    let occupancy: Occupancy
    /// Patterns of units elsewhere that match one of this unit's names, looked up once for all machines.
    private let matched: [Int]

    init(unit: UnitTraits, occupancy: Occupancy) {
        self.unit = unit
        self.occupancy = occupancy
        matched = occupancy.patterns.matches(of: unit)
    }

    /// The first rule by which the machine refuses the unit; `nil` when it can take it.
    func refusal(on slot: Int) -> Refusal.Rule? {
        guard let here = occupancy.slots[slot] else { return .machineID }
        if let rule = refusalByMachine(here.machine) { return rule }
        if !unit.options.machineOf.allSatisfy({ occupancy.isAssigned($0, on: slot) }) { return .machineOf }
        if hasConflict(on: slot) { return .conflicts }
        if takenPort(on: slot) != nil { return .ports }
        if isEvicted(on: slot) { return .replaces }
        if here.machine.isClosed { return .unable }
        return here.isClosed ? .cordon : nil
    }

    /// The rules that depend on the machine alone.
    func refusalByMachine(_ machine: MachineRecord) -> Refusal.Rule? {
        if let wanted = unit.options.machineID, wanted != machine.id.rawValue, wanted != machine.id.short {
            return .machineID
        }
        return unit.options.metadata.accepts(machine.metadata) ? nil : .metadata
    }

    /// Whether the unit, which stands there already, may stay.
    ///
    /// Conflicts and ports are not asked again: both sides passed them when they were placed, and a later change of a file is
    /// tested by its own newcomer.
    func mayStay(on slot: Int) -> Bool {
        guard let here = occupancy.slots[slot], refusalByMachine(here.machine) == nil else { return false }
        return unit.options.machineOf.allSatisfy { occupancy.isAssigned($0, on: slot) } && !isEvicted(on: slot)
    }

    /// Whether nothing that stands there keeps the unit off, or is kept off by it.
    func getsOnWithNeighbours(on slot: Int) -> Bool { !hasConflict(on: slot) && takenPort(on: slot) == nil }

    private func hasConflict(on slot: Int) -> Bool {
        occupancy.patterns.isRepelled(by: slot, matched: matched)
            || occupancy.patterns.repels(unit, on: slot)
            || occupancy.declaresLiteralConflict(with: unit, on: slot)
            || unit.exactConflicts.contains { occupancy.stands($0, on: slot) }
    }

    /// The first port of the unit that another one there has.
    private func takenPort(on slot: Int) -> Port? {
        unit.options.ports.first { occupancy.isTaken($0, on: slot, byOtherThan: unit.name) }
    }

    /// Whether a unit there replaces this one.
    ///
    /// Two that replace each other leave each other alone.
    private func isEvicted(on slot: Int) -> Bool { evictor(on: slot) != nil }

    private func evictor(on slot: Int) -> UnitTraits? {
        (occupancy.slots[slot]?.replacers ?? []).first { replacer in
            replacer.name != unit.name && unit.isMatched(by: replacer.options.replaces)
                && !replacer.isMatched(by: unit.options.replaces)
        }
    }

    /// Counts every machine under the first rule that refuses it.
    static func explain(_ unit: UnitTraits, in occupancy: Occupancy) -> Refusal {
        explain(unit, on: occupancy.order, in: occupancy)
    }

    /// Says which rule refuses one machine.
    static func explain(_ unit: UnitTraits, on slot: Int, in occupancy: Occupancy) -> Refusal {
        explain(unit, on: [slot], in: occupancy)
    }

    private static func explain(_ unit: UnitTraits, on slots: [Int], in occupancy: Occupancy) -> Refusal {
        let test = MachineTest(unit: unit, occupancy: occupancy)
        var machines: [Refusal.Rule: Int] = [:]
        var examples: [Refusal.Rule: String] = [:]
        for slot in slots {
            guard let rule = test.refusal(on: slot) else { continue }
            machines[rule, default: 0] += 1
            if examples[rule] == nil { examples[rule] = test.detail(of: rule, on: slot) }
        }
        let counts = Refusal.Rule.allCases.compactMap { rule in
            machines[rule].map { Refusal.Count(rule: rule, machines: $0, detail: examples[rule] ?? "") }
        }
        return Refusal(machines: slots.count, counts: counts)
    }

    private func detail(of rule: Refusal.Rule, on slot: Int) -> String {
        switch rule {
        case .machineID: "needs machine \(unit.options.machineID ?? "")"
        case .metadata: "needs \(unit.options.metadata)"
        case .machineOf: "needs the machine of " + unit.options.machineOf.map(\.rawValue).joined(separator: ", ")
        case .conflicts: "such as \(firstConflict(on: slot))"
        case .ports: takenPort(on: slot).map { claim(of: $0, on: slot) } ?? ""
        case .cordon: "such as \(occupancy.slots[slot]?.machine.id.short ?? "")"
        case .unable:
            "such as \(occupancy.slots[slot]?.machine.id.short ?? ""): \(occupancy.slots[slot]?.machine.trouble ?? "")"
        case .replaces: "replaced there by \(evictor(on: slot)?.name.rawValue ?? "another unit")"
        }
    }

    /// Which port is taken, and by whom.
    private func claim(of port: Port, on slot: Int) -> String {
        let here = occupancy.slots[slot]
        let holder = ((here?.occupants.keys).map { $0.sorted() } ?? []).first { name in
            name != unit.name && occupancy.traits[name]?.options.ports.contains(port) == true
        }
        return "port \(port) is taken by \(holder?.rawValue ?? "another unit") on \(here?.machine.id.short ?? "")"
    }

    /// The lowest name on the machine that conflicts with the unit, for people; with it the alias that the unit names.
    private func firstConflict(on slot: Int) -> String {
        let here = occupancy.slots[slot]
        let place = here?.machine.id.short ?? ""
        for name in (here?.occupants.keys).map({ $0.sorted() }) ?? [] {
            let rival = occupancy.traits[name] ?? UnitTraits(name: name, options: SchedulingOptions())
            if let matched = rival.name(matchedBy: unit.options.conflicts) {
                return "\(name)\(matched == name ? "" : " (\(matched))") on \(place)"
            }
            if unit.isMatched(by: rival.options.conflicts) { return "\(name) on \(place)" }
        }
        return "another unit on \(place)"
    }
}
