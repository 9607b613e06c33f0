// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What proves that the session still lives, when that is looked for, and when it is given up.
extension SessionCore {
    /// Takes `moment` as the new moment from which the lease's lifetime counts.
    mutating func proven(_ moment: Moment, at now: Moment, report: Report?) -> [Directive] {
        guard case .held(let lease, let proof, let isConfirmed) = phase else { return [] }
        let newest = max(proof, moment)
        phase = .held(lease, proof: newest, isConfirmed: isConfirmed)
        if let moment = startled, newest >= moment { startled = nil }
        if report == .recovered {
            isTroubled = false
            isCovered = false
        }
        nextLook = nil
        // The answer may have been slow: in any case it is time to look again when fencing would be due.
        let next =
            isCovered || startled != nil
            ? now + timing.retryInterval
            : isTroubled ? now + timing.renewInterval / 2 : newest + timing.renewInterval
        return (report.map { [.report($0)] } ?? [])
            + [
                .feedGuard(until: timing.killMoment(proof: newest)),
                .wake(at: min(next, timing.fenceMoment(proof: newest))),
            ]
    }

    mutating func renewFailed(at now: Moment) -> [Directive] {
        isRenewing = false
        guard case .held = phase else { return [] }
        // A proof may have come before the renewal that brings no answer has timed out.
        let report: [Directive] = isTroubled || isCovered ? [] : [.report(.renewalsFailing)]
        isTroubled = true
        guard mayAsk(at: now) else { return report + fenceOrWake(at: now) }
        asked = now
        return report + [.askForQuorum] + fenceOrWake(at: now)
    }

    /// Renews and asks at once, before the store that went down comes up again.
    ///
    /// A store that starts takes connections and answers nothing for seconds. Who had just renewed would meet that silence with
    /// a proof as old as its last renewal; who asks while the store is down has a fresh one (rule R4). The renewal alone does
    /// not tell in time: it is tried again until its own time is up, and the store may be back by then.
    mutating func connectionLost(at now: Moment) -> [Directive] {
        // Who is in trouble, or was startled before, renews and asks at each retry already.
        guard case .held(let lease, _, let isConfirmed) = phase, !isTroubled, !isCovered, startled == nil else {
            return []
        }
        startled = now
        let watch = fenceOrWake(at: now)
        guard case .held = phase else { return watch }
        asked = now
        guard !isRenewing else { return [.askForQuorum] + watch }
        isRenewing = true
        return [isConfirmed ? .renew(lease) : .resume(lease), .askForQuorum] + watch
    }

    /// Takes the members' answers as a renewal that was sent when the first of them was asked.
    ///
    /// From all members they prove it whatever happens, also when they are not of one instant and the members are back in a
    /// moment. Whoever led when they were asked has answered since, that it does not lead or that it does not run; so who leads
    /// next is elected after the question, and gives every lease its full lifetime then (etcd, `lease/lessor.go`, `Promote`).
    /// From a majority they prove that only if the rest loses the lead, too: a leader among the rest that hears of the others
    /// again within an election's time goes on, and extends no lease. Mostly the renewal that is under way reaches such a
    /// leader; so a majority counts only when that has had its time, and a restart of moments is over by then.
    mutating func noQuorum(asked: Moment, isUnanimous: Bool, at now: Moment) -> [Directive] {
        guard isUnanimous || startled == nil || isTroubled else { return quorumUnproven(at: now) }
        self.asked = nil
        guard case .held(_, let proof, _) = phase, asked > proof else { return [] }
        let report: Report? = isCovered ? nil : .coveredByNoQuorum
        isCovered = true
        return proven(asked, at: now, report: report)
    }

    mutating func quorumUnproven(at now: Moment) -> [Directive] {
        asked = nil
        if let startled, !isTroubled {
            // A store that is going down resets connections before it refuses them, and may be back in a tenth of a second.
            let pause = max(timing.promptInterval, now.since(startled))
            let next = now + min(pause, timing.retryInterval)
            nextLook = nextLook.map { $0 > now ? min($0, next) : next } ?? next
        }
        return fenceOrWake(at: now)
    }

    /// Looks for a proof while a renewal is out that brings no answer.
    ///
    /// A store that has just lost its leader is silent until its members notice, for up to two seconds; then they say so, or
    /// have another leader, within moments. Who asks only after each renewal's time-out misses that.
    ///
    /// A store that is down is asked at each retry: when it starts again it takes connections at once and serves them seconds
    /// later, so the last proof before that silence must be a fresh one.
    mutating func askOnceMore(proof: Moment, at now: Moment) -> [Directive] {
        let pause = isCovered ? timing.retryInterval : timing.renewInterval + timing.retryInterval
        guard mayAsk(at: now), startled != nil || now >= proof + pause else { return [] }
        asked = now
        return [.askForQuorum]
    }

    /// Questions may overlap, one each retry: one that meets the silence of a store that starts has no answer for long, and must
    /// not keep the next from hearing that it is down again.
    func mayAsk(at now: Moment) -> Bool {
        guard let asked else { return true }
        return now >= asked + timing.retryInterval
    }

    /// Fences when it is time, else asks to be woken for the next thing to do.
    mutating func fenceOrWake(at now: Moment) -> [Directive] {
        guard case .held(let lease, let proof, _) = phase else { return [] }
        let due = timing.fenceMoment(proof: proof)
        guard now < due else { return fence(lease, kill: timing.killMoment(proof: proof)) }
        var look = now + timing.retryInterval
        if !isCovered, startled == nil { look = max(proof + timing.renewInterval, look) }
        if let planned = nextLook, planned > now { look = min(planned, look) }
        nextLook = look
        return [.wake(at: min(due, look))]
    }
}
