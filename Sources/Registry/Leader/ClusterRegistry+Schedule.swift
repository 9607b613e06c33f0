// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What the leader writes.
extension ClusterRegistry {
    /// How many transactions of one plan are in flight at once.
    private static let flightLimit = 8

    /// Writes a plan in transactions of up to 128 changes, several in flight; each only while `leadership` holds.
    ///
    /// When an answer is lost the error says `mayHaveHappened`, and a transaction may even be carried out later. The
    /// caller then resigns and campaigns anew: the new epoch shuts out whatever is still on its way, and a state
    /// followed up to the new epoch shows all that got in before.
    ///
    /// - Returns: What came of each transaction. After `.deposed` no further one is begun.
    /// - Throws: `.invalid` before anything is written; an error of the store after all that was in flight is settled.
    package func commit(
        _ steps: [ScheduleStep], as leadership: Leadership
    ) async throws(RegistryError) -> CommitOutcome {
        var outcome = CommitOutcome()
        for wave in try SchedulePacker(steps).waves {
            let results = await commit(wave: wave, as: leadership)
            // What one transaction's refusal says for certain, another's lost answer puts in doubt.
            let isInDoubt = results.contains {
                if case .failure(let error) = $0 { error.mayHaveHappened } else { false }
            }
            for result in results {
                do throws(RegistryError) {
                    outcome.batches += try result.get()
                } catch {
                    var error = error
                    error.mayHaveHappened = isInDoubt
                    throw error
                }
            }
            if outcome.isDeposed { break }
        }
        return outcome
    }

    private func commit(
        wave: [[ScheduleStep]], as leadership: Leadership
    ) async -> [Result<[CommitOutcome.Batch], RegistryError>] {
        await withTaskGroup(of: Result<[CommitOutcome.Batch], RegistryError>.self) { group in
            var results: [Result<[CommitOutcome.Batch], RegistryError>] = []
            var running = 0
            for batch in wave {
                if running == Self.flightLimit, let result = await group.next() {
                    results.append(result)
                    running -= 1
                }
                if results.contains(where: \.endsThePlan) { break }
                running += 1
                group.addTask {
                    do throws(RegistryError) {
                        return .success(try await commit(batch: batch, as: leadership))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            for await result in group { results.append(result) }
            return results
        }
    }

    private func commit(
        batch: [ScheduleStep], as leadership: Leadership
    ) async throws(RegistryError) -> [CommitOutcome.Batch] {
        let action = "writing the schedule"
        var steps = batch
        var stale: [ScheduleStep] = []
        for _ in 0..<Self.attemptLimit where !steps.isEmpty {
            let absent = Set(steps.compactMap(\.absent)).sorted()
            let guards = [keys.leader] + absent.map { keys.machine($0) }
            let result = try await commit(
                Transaction(
                    if: [guarding(leadership)] + guards.dropFirst().map { .absent($0) },
                    then: steps.flatMap(operations), otherwise: guards.map { .get(.key($0)) }),
                while: action)
            if result.succeeded {
                return [.committed(revision: result.revision)] + (stale.isEmpty ? [] : [.stale(stale)])
            }
            let found = try Self.found(result, count: guards.count, while: action)
            guard found[0]?.createRevision == leadership.epoch else { return [.deposed] }
            let present = Set(zip(absent, found.dropFirst()).filter { $1 != nil }.map(\.0))
            stale += steps.filter { $0.absent.map(present.contains) ?? false }
            steps.removeAll { $0.absent.map(present.contains) ?? false }
        }
        guard steps.isEmpty else { throw Self.interfered(action) }
        return [.stale(stale)]
    }

    private func operations(_ step: ScheduleStep) -> [Operation] {
        // The machine may have written it after the unit was destroyed; from this transaction on it no longer can.
        step.changes.map(operation) + (step.endsUnit ? [.delete(.key(keys.result(step.unit)))] : [])
    }

    private func operation(_ change: ScheduleStep.Change) -> Operation {
        switch change {
        case .assign(let assignment):
            .put(keys.assignment(assignment.machine, assignment.unit), TargetEntry(assignment).bytes)
        case .withdraw(let machine, let unit): .delete(.key(keys.assignment(machine, unit)))
        }
    }
}

extension Result<[CommitOutcome.Batch], RegistryError> {
    /// Whether no further transaction of the plan should be begun.
    fileprivate var endsThePlan: Bool {
        switch self {
        case .success(let batches): batches.contains(.deposed)
        case .failure: true
        }
    }
}
