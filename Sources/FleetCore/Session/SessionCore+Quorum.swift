// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Looking for a proof that the session lives while the store does not renew it.
extension SessionCore {
    /// Whether peers are to be asked: to renew the lease, or for a proof that they have and this machine has not.
    ///
    /// The one helps a machine that is cut off from the store alone. The other helps one that asked a store which went down for
    /// moments only when it was up again and silent. A machine that has fresh proofs of its own has nothing to ask: a store that is
    /// down is as dead to peers.
    package func wantsRelay(at now: Moment) -> Bool {
        guard case .held(_, let proof, true) = phase else { return false }
        return now >= proof + timing.renewInterval || isTroubled && !isCovered
    }

    /// Renews and asks at once, before the store that went down comes up again.
    ///
    /// A store that starts takes connections and answers nothing for seconds. Who had just renewed would meet that silence with
    /// a proof as old as its last renewal; who asks while the store is down has a fresh one (rule R4). And where a majority has to
    /// be watched for a while, the proof comes in time only if that begins at once.
    mutating func connectionLost(at now: Moment) -> [Directive] {
        guard case .held(let lease, let proof, true) = phase else { return [] }
        let questions = mayAsk(proof: proof, at: now) ? ask(at: now) : []
        guard !isRenewing else { return questions }
        isRenewing = true
        return [.renew(lease)] + questions
    }

    mutating func memberAnswered(
        _ answer: MemberAnswer, of member: Int, among count: Int, asked: Moment, at now: Moment
    ) -> [Directive] {
        guard case .held(_, let proof, _) = phase else { return [] }
        let moment = evidence.take(answer, of: member, among: count, asked: asked, at: now)
        if let moment {
            noQuorum = max(noQuorum ?? moment, moment)
            // What the members say now is no word on a lease that may have ended before they said it.
            if moment > proof, now < timing.killMoment(proof: proof) { return covered(by: moment, at: now) }
        }
        return evidence.isPartial(at: now) ? fenceOrWake(at: now) : []
    }

    mutating func proofOfPeer(_ moment: Moment, at now: Moment) -> [Directive] {
        guard case .held(_, let proof, _) = phase, moment > proof, moment <= now,
            now < timing.killMoment(proof: proof)
        else { return [] }
        noQuorum = max(noQuorum ?? moment, moment)
        return covered(by: moment, at: now)
    }

    private mutating func covered(by moment: Moment, at now: Moment) -> [Directive] {
        let report: Report? = isCovered ? nil : .coveredByNoQuorum
        isCovered = true
        return proven(moment, at: now, report: report)
    }

    /// Looks for a proof while a renewal is out that brings no answer.
    ///
    /// A store that has just lost its leader is silent until its members notice, for up to two seconds; then they say so, or
    /// have another leader, within moments. Who asks only after each renewal's time-out misses that.
    ///
    /// A store that is down is asked at each retry: when it starts again it takes connections at once and serves them seconds
    /// later, so the last proof before that silence must be a fresh one. So is one of which a majority is down: that has to be
    /// seen for a while, without a gap.
    mutating func askOnceMore(proof: Moment, at now: Moment) -> [Directive] {
        let isOverdue = isRenewing && now >= proof + timing.renewInterval + timing.retryInterval
        guard isOverdue || isWatching(at: now), mayAsk(proof: proof, at: now) else { return [] }
        return ask(at: now)
    }

    mutating func ask(at now: Moment) -> [Directive] {
        asked = now
        return [.askForQuorum]
    }

    /// Whether the members' answers are what this session lives on, or may soon have to.
    func isWatching(at now: Moment) -> Bool { isCovered || evidence.isPartial(at: now) }

    /// Questions may overlap: one that meets the silence of a store that starts has no answer for long, and must
    /// not keep the next from hearing that it is down again.
    private func mayAsk(proof: Moment, at now: Moment) -> Bool {
        guard let asked else { return true }
        return now >= asked + pause(proof: proof, at: now)
    }

    /// From one look to the next while trouble lasts.
    ///
    /// A majority that has to be watched is asked without a gap; where lifetimes are long, and so machines many, not before a
    /// proof is due.
    func pause(proof: Moment, at now: Moment) -> Duration {
        let isDue = timing.retryInterval <= QuorumEvidence.longestGap || now >= proof + timing.renewInterval
        guard isDue, evidence.isPartial(at: now) else { return timing.retryInterval }
        return min(timing.retryInterval, QuorumEvidence.interval)
    }
}
