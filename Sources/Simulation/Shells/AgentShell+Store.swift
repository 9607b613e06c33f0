// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What the agent writes to the store; mirrors `ClusterRegistry+States.swift` and `GuardedBatch.swift`.
extension AgentShell {
    /// One write with a condition of its own.
    private struct Write {
        var key: StoreKey
        /// The key that the condition is about.
        var condition: StoreKey
        /// The mod revision that it must have; `nil` is satisfied with any.
        var revision: Int64?
        var write: StoreWrite

        var comparison: StoreComparison {
            StoreComparison(condition, revision.map { .modified($0) } ?? .present)
        }

        func holds(_ entry: StoreEntry?) -> Bool {
            guard let entry else { return false }
            return revision.map { $0 == entry.modified } ?? true
        }
    }

    func claim(_ orders: [Order], _ lease: SessionLease, _ tenure: Scope) {
        let states = orders.map { UnitState(machine: host.id, unit: $0.unit, hash: $0.assignment.hash) }
        if world.isMutant(.touchBeforeClaim) {
            // The claim goes out all the same, but nobody waits for its answer.
            process.after(0, in: tenure) { [self] in handle(.claimed(granted: states, lost: []), tenure) }
            return commit(writes(claiming: orders, states, lease), in: tenure) { _ in }
        }
        commit(writes(claiming: orders, states, lease), in: tenure) { [self] result in
            guard let granted = try? result.get() else { return handle(.claimFailed(orders.map(\.unit)), tenure) }
            handle(
                .claimed(
                    granted: zip(states, granted).filter(\.1).map(\.0),
                    lost: zip(orders, granted).filter { !$1 }.map(\.0)), tenure)
        }
    }

    private func writes(claiming orders: [Order], _ states: [UnitState], _ lease: SessionLease) -> [Write] {
        zip(orders, states).map { order, state in
            let unit = world.catalogue.unitIndex(of: order.unit)
            let key = StoreKey.state(host.index, unit)
            let isCompared = !world.isMutant(.uncomparedClaim)
            return Write(
                key: key, condition: isCompared ? .schedule(host.index, unit) : .machine(host.index),
                revision: isCompared ? order.revision : nil, write: .put(key, .state(state), lease: lease.id))
        }
    }

    func publish(_ states: [UnitState], _ lease: SessionLease, _ tenure: Scope) {
        let writes = states.map { state in
            let key = StoreKey.state(host.index, world.catalogue.unitIndex(of: state.unit))
            return Write(key: key, condition: key, revision: nil, write: .put(key, .state(state), lease: lease.id))
        }
        commit(writes, in: tenure) { [self] result in
            if case .success = result { handle(.published(states), tenure) } else { handle(.publishFailed, tenure) }
        }
    }

    func withdraw(_ units: [UnitName], _ tenure: Scope) {
        let keys = units.map { StoreKey.state(host.index, world.catalogue.unitIndex(of: $0)) }
        withdraw(keys, tries: 8, tenure) { [self] isDone in
            handle(isDone ? .withdrawn(units) : .withdrawFailed(units), tenure)
        }
    }

    private func withdraw(_ keys: [StoreKey], tries: Int, _ tenure: Scope, _ done: @escaping (Bool) -> Void) {
        guard !keys.isEmpty else { return done(true) }
        guard tries > 0 else { return done(false) }
        process.client.call(.entries(keys), in: tenure) { [self] result in
            guard case .success(let answer) = result, case .entries(let entries) = answer.content else { return done(false) }
            let found = zip(keys, entries).compactMap { key, entry in entry.map { (key, $0.modified) } }
            let writes = found.map { Write(key: $0.0, condition: $0.0, revision: $0.1, write: .delete($0.0)) }
            guard !writes.isEmpty else { return done(true) }
            commit(writes, in: tenure) { [self] result in
                guard let committed = try? result.get() else { return done(false) }
                withdraw(zip(found, committed).filter { !$1 }.map(\.0.0), tries: tries - 1, tenure, done)
            }
        }
    }

    /// Carries out guarded writes in one transaction; those whose conditions do not hold are left out.
    private func commit(
        _ writes: [Write], in scope: Scope, _ completion: @escaping (Result<[Bool], StoreFailure>) -> Void
    ) {
        commit(writes, open: Array(writes.indices), tries: 8, in: scope, completion)
    }

    private func commit(
        _ writes: [Write], open: [Int], tries: Int, in scope: Scope,
        _ completion: @escaping (Result<[Bool], StoreFailure>) -> Void
    ) {
        guard !open.isEmpty else { return completion(.success(writes.map { _ in false })) }
        guard tries > 0 else { return completion(.failure(StoreFailure(code: .interfered, mayHaveHappened: false))) }
        let transaction = StoreTransaction(
            comparisons: open.map { writes[$0].comparison }, writes: open.map { writes[$0].write },
            otherwise: open.map { writes[$0].condition })
        process.client.call(.transaction(transaction), in: scope) { [self] result in
            switch result {
            case .failure(let failure): completion(.failure(failure))
            case .success(let answer):
                guard case .transaction(let succeeded, let found) = answer.content else { return }
                if succeeded { return completion(.success(writes.indices.map(open.contains))) }
                let left = zip(open, found).filter { writes[$0].holds($1) }.map(\.0)
                commit(writes, open: left, tries: tries - 1, in: scope, completion)
            }
        }
    }
}
