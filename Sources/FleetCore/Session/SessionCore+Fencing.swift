// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How a session ends before its agent does, and how the next one begins.
extension SessionCore {
    /// The store ended the lease: others may hold our units at this very moment.
    mutating func leaseGone(at now: Moment) -> [Directive] {
        isRenewing = false
        // In any other phase this is a late answer about a former lease; `registerLeaseGone` speaks of one that is not held yet.
        guard case .held(let lease, _, _) = phase else { return [] }
        return fence(lease, kill: now)
    }

    mutating func fence(_ lease: SessionLease, kill: Moment) -> [Directive] {
        phase = .fencing(kill: kill)
        abandoned = lease
        noQuorum = nil
        return [.report(.fencing), .fence(kill: kill)]
    }

    /// Lets the session end: units have until then to stop, and the lease, which may not be ended in order, is renewed no more.
    mutating func keptOut(at now: Moment) -> [Directive] {
        guard case .held(let lease, let proof, _) = phase else { return [] }
        let kill = min(now + timing.stopBudget, timing.killMoment(proof: proof))
        phase = .fencing(kill: kill)
        abandoned = lease
        isLeavingToOthers = true
        return [.report(.keptOut), .fence(kill: kill)]
    }

    /// What ran is dead, so a new session begins, in which the agent takes everything up from the start.
    mutating func guardFired(at now: Moment) -> [Directive] {
        guard case .held(let lease, _, _) = phase else { return [] }
        phase = .fencing(kill: now)
        abandoned = lease
        return [.report(.guardFired), .fence(kill: now)]
    }

    mutating func foreignStore(at now: Moment) -> [Directive] {
        isRenewing = false
        guard case .held(let lease, _, _) = phase else { return [.wake(at: now + timing.renewInterval)] }
        phase = .suspended(lease)
        return [.report(.foreignStore), .disarmGuard, .wake(at: now + timing.renewInterval)]
    }

    mutating func ownStoreReturned(at now: Moment) -> [Directive] {
        guard case .suspended(let lease) = phase else { return [] }
        phase = .held(lease, proof: now, isConfirmed: false)
        isRenewing = true
        return [.resume(lease), .wake(at: timing.fenceMoment(proof: now))]
    }

    mutating func fenced(at now: Moment) -> [Directive] {
        guard case .fencing = phase else { return [] }
        let end: [Directive] = [.disarmGuard] + (abandoned.map { [.revoke($0)] } ?? [])
        abandoned = nil
        guard isLeavingToOthers else {
            phase = .granting
            return end + [.grant]
        }
        isLeavingToOthers = false
        let back = now + timing.absence
        phase = .away(until: back)
        return end + [.wake(at: back)]
    }
}
