// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Chooses machines for units, one after the other, each choice seeing the ones before.
///
/// Filters first (MachineID, MachineMetadata, MachineOf, Conflicts, Ports, Replaces), then the machine with the fewest instances of
/// the same template, then the fewest units, then the lowest id. Deterministic: nothing but its arguments decides.
///
/// - Source: fleet's "least loaded" (fleet.md 6.3) with spreading put first, because a machine that was just rebooted
///   would otherwise draw all replicas of a template (fleet #943).
package struct Placement: Sendable {
    /// A waiting list of machines for units with the same metadata rule and template.
    ///
    /// Ranks only rise while a plan is made, so an entry with an outdated rank is simply put back with its present one.
    private struct Pool: Sendable {
        var heap = RankHeap()
    }

    private struct PoolKey: Hashable {
        let metadata: MetadataRule
        let template: UnitName?
    }

    private var pools: [PoolKey: Pool] = [:]

    package init() {}

    /// The best machine for `unit`, or why there is none.
    ///
    /// Does not occupy it.
    ///
    /// - Complexity: O(log machines) a unit, plus O(1) per machine that a rule refuses on the way; the first unit of each
    ///   kind costs O(machines).
    package mutating func choose(
        for unit: UnitTraits, in occupancy: inout Occupancy
    ) -> Result<MachineID, PlacementFailure> {
        occupancy.learnPatterns(of: unit)
        if unit.options.machineID != nil || !unit.options.machineOf.isEmpty {
            return chooseAmongAll(for: unit, in: occupancy)
        }
        let key = PoolKey(metadata: unit.options.metadata, template: unit.template)
        // Taken out while it changes: a second reference would make every change copy the whole heap.
        var pool = pools.removeValue(forKey: key) ?? makePool(key, in: occupancy)
        defer { pools[key] = pool }
        let test = MachineTest(unit: unit, occupancy: occupancy)
        var refused: [RankHeap.Entry] = []
        defer { for entry in refused { pool.heap.push(entry) } }
        while let entry = pool.heap.pop() {
            let rank = rank(of: entry.slot, template: unit.template, in: occupancy)
            guard rank == entry.rank else {
                pool.heap.push(RankHeap.Entry(rank: rank, position: entry.position, slot: entry.slot))
                continue
            }
            if let machine = occupancy.slots[entry.slot]?.machine, test.refusal(on: entry.slot) == nil {
                pool.heap.push(entry)
                return .success(machine.id)
            }
            refused.append(entry)
        }
        return .failure(PlacementFailure(refusal: MachineTest.explain(unit, in: occupancy)))
    }

    private func chooseAmongAll(for unit: UnitTraits, in occupancy: Occupancy) -> Result<MachineID, PlacementFailure> {
        let test = MachineTest(unit: unit, occupancy: occupancy)
        var best: (rank: RankHeap.Rank, machine: MachineID)?
        for slot in candidates(for: unit, in: occupancy) {
            guard let machine = occupancy.slots[slot]?.machine, test.refusal(on: slot) == nil else { continue }
            let rank = rank(of: slot, template: unit.template, in: occupancy)
            if let known = best, !(rank < known.rank) { continue }
            best = (rank, machine.id)
        }
        if let best { return .success(best.machine) }
        return .failure(PlacementFailure(refusal: MachineTest.explain(unit, in: occupancy)))
    }

    /// Slots worth testing, in id order: with a peer to join, only where that peer stands.
    private func candidates(for unit: UnitTraits, in occupancy: Occupancy) -> [Int] {
        guard let peer = unit.options.machineOf.first else { return occupancy.order }
        let standing = occupancy.slots(of: peer)
        return occupancy.order.filter(standing.contains)
    }

    private func makePool(_ key: PoolKey, in occupancy: Occupancy) -> Pool {
        var pool = Pool()
        for (position, slot) in occupancy.order.enumerated() {
            guard let machine = occupancy.slots[slot]?.machine, key.metadata.accepts(machine.metadata) else { continue }
            let rank = rank(of: slot, template: key.template, in: occupancy)
            pool.heap.push(RankHeap.Entry(rank: rank, position: position, slot: slot))
        }
        return pool
    }

    private func rank(of slot: Int, template: UnitName?, in occupancy: Occupancy) -> RankHeap.Rank {
        RankHeap.Rank(
            instances: template.map { occupancy.instances(of: $0, on: slot) } ?? 0,
            load: occupancy.slots[slot]?.load ?? 0)
    }
}

/// No machine can take a unit, and why.
package struct PlacementFailure: Error, Hashable, Sendable {
    package let refusal: Refusal
}
