// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What the agent writes to the store; mirrors `ClusterRegistry+States.swift` and `GuardedBatch.swift`.
extension AgentShell {
    /// One write with conditions of its own.
    private struct Write {
        struct Condition {
            enum Otherwise { case giveUp, follow, followOrCreate }

            /// What a mutant compares with: any key that is there will do.
            static let any = Int64.min

            var key: StoreKey
            /// 0 for a key that is not there, -1 for one that is not known.
            var revision: Int64
            var otherwise = Otherwise.giveUp
        }

        var conditions: [Condition]
        var write: StoreWrite

        var comparisons: [StoreComparison] {
            conditions.map { condition in
                StoreComparison(
                    condition.key, condition.revision == Condition.any ? .present : .modified(condition.revision))
            }
        }

        mutating func adapt(to found: ArraySlice<StoreEntry?>) -> Bool {
            for (index, entry) in zip(conditions.indices, found) {
                let revision = entry?.modified ?? 0
                guard revision != conditions[index].revision else { continue }
                if conditions[index].revision == Condition.any, entry != nil { continue }
                switch conditions[index].otherwise {
                case .giveUp: return false
                case .follow where entry == nil: return false
                case .follow, .followOrCreate: conditions[index].revision = revision
                }
            }
            return true
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
            guard let granted = try? result.get() else {
                for order in orders { stateRevisions[order.unit] = nil }
                return handle(.claimFailed(orders.map(\.unit)), tenure)
            }
            for (order, revision) in zip(orders, granted) { stateRevisions[order.unit] = revision }
            handle(
                .claimed(
                    granted: zip(states, granted).filter { $1 != nil }.map(\.0),
                    lost: zip(orders, granted).filter { $1 == nil }.map(\.0)), tenure)
        }
    }

    private func writes(claiming orders: [Order], _ states: [UnitState], _ lease: SessionLease) -> [Write] {
        zip(orders, states).map { order, state in
            let unit = world.catalogue.unitIndex(of: order.unit)
            let key = StoreKey.state(host.index, unit)
            let present = Write.Condition(key: key, revision: 0, otherwise: .followOrCreate)
            let assigned = Write.Condition(key: .schedule(host.index, unit), revision: order.revision)
            return Write(
                conditions: world.isMutant(.uncomparedClaim) ? [present] : [assigned, present],
                write: .put(key, .state(state), lease: lease.id))
        }
    }

    func publish(_ states: [UnitState], _ lease: SessionLease, _ tenure: Scope) {
        let writes = states.map { state in
            let key = key(of: state.unit)
            let known = world.isMutant(.lateReports) ? Write.Condition.any : stateRevisions[state.unit] ?? -1
            return Write(
                conditions: [.init(key: key, revision: known, otherwise: .follow)],
                write: .put(key, .state(state), lease: lease.id))
        }
        commit(writes, in: tenure) { [self] result in
            guard let revisions = try? result.get() else {
                for state in states { stateRevisions[state.unit] = nil }
                return handle(.publishFailed, tenure)
            }
            for (state, revision) in zip(states, revisions) { stateRevisions[state.unit] = revision }
            handle(.published(states), tenure)
        }
    }

    private func key(of unit: UnitName) -> StoreKey { .state(host.index, world.catalogue.unitIndex(of: unit)) }

    /// Mirrors `ClusterRegistry+Results.swift`.
    func record(_ reports: [CompletionReport], _ tenure: Scope) {
        let writes = reports.map { report in
            let unit = world.catalogue.unitIndex(of: report.completion.unit)
            return Write(
                conditions: [.init(key: .schedule(host.index, unit), revision: report.revision)],
                write: .put(.result(unit), .result(report.completion), lease: 0))
        }
        commit(writes, in: tenure) { [self] result in
            if case .success = result { handle(.recorded, tenure) } else { handle(.recordFailed, tenure) }
        }
    }

    /// What a broken agent does: says that work is done before it is.
    func recordEarly(_ name: UnitName, _ tenure: Scope) {
        let unit = world.catalogue.unitIndex(of: name)
        guard host.runtime.files[name]?.isOnce ?? false,
            let entry = world.etcd.store.entries[.schedule(host.index, unit)],
            case .assignment(let order) = entry.value
        else { return }
        let end = Completion(
            unit: name, machine: host.id, hash: order.hash, restarts: order.restarts, isSuccess: true)
        let write = Write(
            conditions: [.init(key: .schedule(host.index, unit), revision: entry.modified)],
            write: .put(.result(unit), .result(end), lease: 0))
        commit([write], in: tenure) { _ in }
    }

    /// What the store holds of the ends of units that run once; `nil` when it does not say.
    func completions(of units: [UnitName], _ scope: Scope, _ done: @escaping (AgentEvent?) -> Void) {
        guard !units.isEmpty else { return done(.completed([], of: [])) }
        let keys = units.map { StoreKey.result(world.catalogue.unitIndex(of: $0)) }
        let isIgnored = world.isMutant(.ignoredResults)
        process.client.call(.entries(keys), in: scope) { result in
            guard case .success(let answer) = result, case .entries(let entries) = answer.content else {
                return done(nil)
            }
            let found = entries.compactMap { entry -> Completion? in
                guard !isIgnored, case .result(let completion)? = entry?.value else { return nil }
                return completion
            }
            done(.completed(found, of: units))
        }
    }

    func withdraw(_ units: [UnitName], _ tenure: Scope) {
        let keys = units.map { key(of: $0) }
        for unit in units { stateRevisions[unit] = nil }
        withdraw(keys, tries: 8, tenure) { [self] isDone in
            handle(isDone ? .withdrawn(units) : .withdrawFailed(units), tenure)
        }
    }

    private func withdraw(_ keys: [StoreKey], tries: Int, _ tenure: Scope, _ done: @escaping (Bool) -> Void) {
        guard !keys.isEmpty else { return done(true) }
        guard tries > 0 else { return done(false) }
        process.client.call(.entries(keys), in: tenure) { [self] result in
            guard case .success(let answer) = result, case .entries(let entries) = answer.content else {
                return done(false)
            }
            let found = zip(keys, entries).compactMap { key, entry in entry.map { (key, $0.modified) } }
            let writes = found.map {
                Write(conditions: [.init(key: $0.0, revision: $0.1)], write: .delete($0.0))
            }
            guard !writes.isEmpty else { return done(true) }
            commit(writes, in: tenure) { [self] result in
                guard let committed = try? result.get() else { return done(false) }
                withdraw(zip(found, committed).filter { $1 == nil }.map(\.0.0), tries: tries - 1, tenure, done)
            }
        }
    }

    /// Carries out guarded writes in one transaction; those whose conditions do not hold are left out.
    ///
    /// `completion` hears at which revision each was done, `nil` for those left out.
    private func commit(
        _ writes: [Write], in scope: Scope, _ completion: @escaping (Result<[Int64?], StoreFailure>) -> Void
    ) {
        commit(writes, open: Array(writes.indices), tries: 8, in: scope, completion)
    }

    private func commit(
        _ writes: [Write], open: [Int], tries: Int, in scope: Scope,
        _ completion: @escaping (Result<[Int64?], StoreFailure>) -> Void
    ) {
        guard !open.isEmpty else { return completion(.success(writes.map { _ in nil })) }
        guard tries > 0 else { return completion(.failure(StoreFailure(code: .interfered, mayHaveHappened: false))) }
        let record = StoreKey.machine(host.index)
        let transaction = StoreTransaction(
            comparisons: [StoreComparison(record, .modified(recordRevision))]
                + open.flatMap { writes[$0].comparisons },
            writes: open.map { writes[$0].write },
            otherwise: [record] + open.flatMap { writes[$0].conditions.map(\.key) })
        process.client.call(.transaction(transaction), in: scope) { [self] result in
            switch result {
            case .failure(let failure): completion(.failure(failure))
            case .success(let answer):
                guard case .transaction(let succeeded, let found) = answer.content else { return }
                if succeeded {
                    return completion(.success(writes.indices.map { open.contains($0) ? answer.revision : nil }))
                }
                guard found[0]?.modified == recordRevision else {
                    return completion(.failure(StoreFailure(code: .leaseNotFound, mayHaveHappened: false)))
                }
                var rest = found.dropFirst()
                var writes = writes
                let left = open.filter { index in
                    let own = rest.prefix(writes[index].conditions.count)
                    rest = rest.dropFirst(own.count)
                    return writes[index].adapt(to: own)
                }
                commit(writes, open: left, tries: tries - 1, in: scope, completion)
            }
        }
    }
}
