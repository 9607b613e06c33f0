// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Decides how a machine holds its session with the store, and when it must fence itself.
///
/// One event in, directives out; the shell carries them out and reports. Legal phases:
///
/// ```
/// idle -> granting -> registering -> held -> fencing -> granting        registering -> refused -> granting
/// idle -> held (resumed) or fencing (too late)                          held -> suspended -> held
/// held -> fencing (kept out) -> away -> granting
/// any -> ended
/// ```
///
/// - Source: DESIGN section 5, "Session" and "Losing the session".
package struct SessionCore: Sendable, Equatable {
    package enum Phase: Sendable, Equatable {
        case idle
        case granting
        /// The lease lives; the machine's record is being written under it.
        case registering(SessionLease, proof: Moment)
        /// Another live machine has this machine's id; looked at again at `retry`.
        case refused(retry: Moment)
        /// The session lives as far as `proof` shows: the moment at which the last successful renewal was sent. A session
        /// of a former run of this agent is unconfirmed until the store has answered for it.
        case held(SessionLease, proof: Moment, isConfirmed: Bool)
        /// Units are being stopped because the session may end; dead by `kill`.
        case fencing(kill: Moment)
        /// The session was given up so that others take the units over; a machine that is back before they have would keep them.
        case away(until: Moment)
        /// The store is not the one the session was made with: nothing is stopped, nothing is taken on (rule R8).
        case suspended(SessionLease)
        case ended
    }

    package enum Event: Sendable, Equatable {
        /// The agent started; `saved` is the session of its former run in this boot, if there was one, with the moment
        /// at which that run's last successful renewal was sent.
        case started(saved: SessionLease?, proof: Moment)
        /// A lease was granted; `sent` is when the request left.
        case granted(SessionLease, sent: Moment)
        case grantFailed
        /// The machine's record is in the store under our lease.
        case registered
        /// The record of another live machine stands in its place.
        case taken
        case registerFailed
        /// The lease ended before the record could be written under it.
        case registerLeaseGone
        /// The store renewed the lease; `sent` is when the request left.
        case renewed(sent: Moment)
        /// The store renewed the lease of a former run and does not take the machine's record now, as one that is full; `sent` is
        /// when the renewal left.
        case unregistered(sent: Moment)
        case renewFailed
        /// The store says that the lease that is held does not exist.
        case leaseGone
        /// One of the store's `count` members answered the question that left at `asked`; one that is silent has no answer.
        case memberAnswered(MemberAnswer, member: Int, count: Int, asked: Moment)
        /// A connection to the store broke while nothing was asked of it: the store may be down.
        case connectionLost
        /// A peer renewed the lease for us; `sent` is when we asked it.
        case relayed(sent: Moment)
        /// A peer knows of a proof: whoever leads the store after this moment, which is of our clock, was elected after it.
        case proofOfPeer(Moment)
        /// The store that answers has another cluster id than the one that holds our session.
        case foreignStore
        case ownStoreReturned
        /// The store lets this machine do nothing that it must do, so others have to take over what hangs on its session.
        case keptOut
        /// The guard has fired, or died: the units that it watched are dead, whatever the session says.
        case guardFired
        /// All fenced units are dead.
        case fenced
        /// The moment of a `.wake` came.
        case woke
        /// The agent ends in order; its units are stopped already when they should be.
        case stopping
    }

    package enum Directive: Sendable, Equatable {
        /// Ask whether this lease still lives and holds our record.
        case resume(SessionLease)
        case grant
        case register(SessionLease)
        case renew(SessionLease)
        /// Ask every member of the store how it is, and tell each answer as it comes.
        case askForQuorum
        /// The session lives: the agent may take on units and claim the lead. `isNew` tells a new session from a resumed.
        case enter(SessionLease, isNew: Bool)
        /// The guard outside the agent may fire from this moment on, not before.
        case feedGuard(until: Moment)
        case disarmGuard
        /// Stop every fenced unit now, kill what is left at `kill`, and report `.fenced`.
        case fence(kill: Moment)
        case revoke(SessionLease)
        /// Tell the operator.
        case report(Report)
        /// Send `.woke` at this moment; replaces an earlier one.
        case wake(at: Moment)
    }

    package enum Report: Sendable, Equatable {
        case machineIDTaken
        case renewalsFailing
        case coveredByNoQuorum
        case recovered
        case fencing
        case keptOut
        case guardFired
        case foreignStore
    }

    package internal(set) var phase: Phase = .idle
    package var timing: SessionTiming
    /// Renewals have failed since the last success; reported once.
    var isTroubled = false
    var isRenewing = false
    /// When the latest question about the quorum went out.
    var asked: Moment?
    /// What the members have said since the store was last known to have a leader.
    var evidence = QuorumEvidence()
    /// The next look while trouble lasts: answers that prove nothing must not put it off again and again.
    private var nextLook: Moment?
    /// One at a time: each registration begins a tenure, so a second one would shut out the first's.
    private var isRegistering = false
    /// The present trouble has been reported as covered by the proof of no quorum.
    package internal(set) var isCovered = false
    /// The newest moment after which whoever leads the store was elected, as the members' answers prove or a peer tells.
    ///
    /// True for every session with this store, so peers may go by it, too. Forgotten at a fence: a clock that stood still,
    /// unnoticed, would make it younger than it is, and this machine's own session has ended by then.
    package internal(set) var noQuorum: Moment?
    /// The lease that fencing gives up; ended once the units are dead, so that others need not wait for its lifetime.
    var abandoned: SessionLease?
    /// The session was given up for others to take over.
    var isLeavingToOthers = false

    package init(timing: SessionTiming) { self.timing = timing }

    /// The lease under which this machine may write now; `nil` while it has no session.
    package var currentLease: SessionLease? {
        if case .held(let lease, _, true) = phase { lease } else { nil }
    }

    /// Whether `lease` is the one that this session is about now.
    ///
    /// Shells drop answers to requests about any other: a renewal of the former session may be answered when the next one
    /// is being registered already.
    package func isAbout(_ lease: SessionLease) -> Bool {
        switch phase {
        case .registering(let own, _), .held(let own, _, _), .suspended(let own): own.id == lease.id
        case .idle, .granting, .refused, .fencing, .away, .ended: false
        }
    }

    package mutating func handle(_ event: Event, at now: Moment) -> [Directive] {
        switch event {
        case .started(let saved, let proof): start(saved, proof: proof, at: now)
        case .granted(let lease, let sent): granted(lease, sent: sent)
        case .registerLeaseGone: registerLeaseGone()
        case .grantFailed: phase == .granting ? [.wake(at: now + timing.retryInterval)] : []
        case .registerFailed: registerFailed(at: now)
        case .registered: registered(at: now)
        case .taken: taken(at: now)
        case .renewed(let sent): renewed(sent: sent, at: now)
        case .relayed(let sent): relayed(sent: sent, at: now)
        case .proofOfPeer(let moment): proofOfPeer(moment, at: now)
        case .unregistered(let sent): unregistered(sent: sent, at: now)
        case .renewFailed: renewFailed(at: now)
        case .leaseGone: leaseGone(at: now)
        case .connectionLost: connectionLost(at: now)
        case .memberAnswered(let answer, let member, let count, let asked):
            memberAnswered(answer, of: member, among: count, asked: asked, at: now)
        case .foreignStore: foreignStore(at: now)
        case .ownStoreReturned: ownStoreReturned(at: now)
        case .keptOut: keptOut(at: now)
        case .guardFired: guardFired(at: now)
        case .fenced: fenced(at: now)
        case .woke: woke(at: now)
        case .stopping: stop()
        }
    }
}

/// A lease of the store with the lifetime that the store granted.
package struct SessionLease: Hashable, Sendable {
    package var id: Int64
    /// Seconds.
    package var ttl: Int

    package init(id: Int64, ttl: Int) {
        self.id = id
        self.ttl = ttl
    }
}

extension SessionCore {
    private mutating func start(_ saved: SessionLease?, proof: Moment, at now: Moment) -> [Directive] {
        guard case .idle = phase else { return [] }
        guard let saved else {
            phase = .granting
            return [.grant]
        }
        timing = SessionTiming(ttl: saved.ttl)
        guard now < timing.fenceMoment(proof: proof) else {
            // Nobody renewed for too long: the guard has acted, and others may hold what ran here.
            return fence(saved, kill: now)
        }
        phase = .held(saved, proof: proof, isConfirmed: false)
        isRenewing = true
        return [.resume(saved), .wake(at: timing.fenceMoment(proof: proof))]
    }

    private mutating func granted(_ lease: SessionLease, sent: Moment) -> [Directive] {
        guard phase == .granting else { return [.revoke(lease)] }
        timing = SessionTiming(ttl: lease.ttl)
        phase = .registering(lease, proof: sent)
        isRegistering = true
        return [.register(lease)]
    }

    private mutating func registerFailed(at now: Moment) -> [Directive] {
        guard case .registering = phase else { return [] }
        isRegistering = false
        return [.wake(at: now + timing.retryInterval)]
    }

    private mutating func registered(at now: Moment) -> [Directive] {
        guard case .registering(let lease, let proof) = phase else { return [] }
        guard now < timing.fenceMoment(proof: proof) else { return regrant(instead: lease) }
        return enter(lease, proof: proof, isNew: true)
    }

    private mutating func registerLeaseGone() -> [Directive] {
        guard case .registering = phase else { return [] }
        phase = .granting
        return [.grant]
    }

    /// Begins anew: registering took so long that the lease is about to end, or has ended.
    private mutating func regrant(instead lease: SessionLease) -> [Directive] {
        phase = .granting
        return [.revoke(lease), .grant]
    }

    private mutating func enter(_ lease: SessionLease, proof: Moment, isNew: Bool) -> [Directive] {
        phase = .held(lease, proof: proof, isConfirmed: true)
        isTroubled = false
        isRenewing = false
        asked = nil
        evidence = QuorumEvidence()
        isCovered = false
        return [
            .feedGuard(until: timing.killMoment(proof: proof)), .enter(lease, isNew: isNew),
            .wake(at: proof + timing.renewInterval),
        ]
    }

    /// Steps back from another machine with this id.
    ///
    /// The record of a former boot of this machine ends with its lease, so looking again now and then tells a quick
    /// reboot from a second machine with the same id; either way nothing is taken over by force. Each look costs the store
    /// two proposals, so they are as rare as renewals.
    private mutating func taken(at now: Moment) -> [Directive] {
        guard case .registering(let lease, _) = phase else { return [] }
        let retry = now + timing.renewInterval
        phase = .refused(retry: retry)
        return [.report(.machineIDTaken), .revoke(lease), .wake(at: retry)]
    }

    private mutating func renewed(sent: Moment, at now: Moment) -> [Directive] {
        isRenewing = false
        if case .held(let lease, let proof, false) = phase {
            return enter(lease, proof: max(proof, sent), isNew: false)
        }
        evidence = QuorumEvidence()
        return proven(sent, at: now, report: isTroubled || isCovered ? .recovered : nil)
    }

    private mutating func relayed(sent: Moment, at now: Moment) -> [Directive] {
        // There is a leader, whatever was heard of the members.
        evidence = QuorumEvidence()
        if isCovered { (isCovered, isTroubled) = (false, true) }
        return proven(sent, at: now, report: nil)
    }

    /// Takes `moment` as the new moment from which the lease's lifetime counts.
    mutating func proven(_ moment: Moment, at now: Moment, report: Report?) -> [Directive] {
        guard case .held(let lease, let proof, let isConfirmed) = phase else { return [] }
        let newest = max(proof, moment)
        phase = .held(lease, proof: newest, isConfirmed: isConfirmed)
        if report == .recovered {
            isTroubled = false
            isCovered = false
        }
        nextLook = nil
        // The answer may have been slow: in any case it is time to look again when fencing would be due.
        let next =
            isCovered
            ? now + timing.retryInterval
            : isTroubled ? now + timing.renewInterval / 2 : newest + timing.renewInterval
        return (report.map { [.report($0)] } ?? [])
            + [
                .feedGuard(until: timing.killMoment(proof: newest)),
                .wake(at: min(next, timing.fenceMoment(proof: newest))),
            ]
    }

    private mutating func renewFailed(at now: Moment) -> [Directive] {
        isRenewing = false
        guard case .held = phase else { return [] }
        // A proof may have come before the renewal that brings no answer has timed out.
        let report: [Directive] = isTroubled || isCovered ? [] : [.report(.renewalsFailing)]
        isTroubled = true
        return report + ask(at: now) + fenceOrWake(at: now)
    }

    /// Lets units run on under a lease that lives; their tenure begins when the store takes the machine's record.
    private mutating func unregistered(sent: Moment, at now: Moment) -> [Directive] {
        isRenewing = false
        guard case .held(_, _, false) = phase else { return [] }
        isTroubled = false
        isCovered = false
        evidence = QuorumEvidence()
        return proven(sent, at: now, report: nil)
    }

    private mutating func woke(at now: Moment) -> [Directive] {
        switch phase {
        case .granting: return [.grant]
        case .registering(let lease, let proof):
            guard now < timing.fenceMoment(proof: proof) else { return regrant(instead: lease) }
            guard !isRegistering else { return [.wake(at: now + timing.retryInterval)] }
            isRegistering = true
            return [.register(lease)]
        case .refused(let retry):
            guard now >= retry else { return [.wake(at: retry)] }
            phase = .granting
            return [.grant]
        case .away(let back):
            guard now >= back else { return [.wake(at: back)] }
            phase = .granting
            return [.grant]
        case .suspended(let lease): return [.renew(lease), .wake(at: now + timing.renewInterval)]
        case .held(let lease, let proof, let isConfirmed):
            let fence = fenceOrWake(at: now)
            guard case .held = phase else { return fence }
            let questions = askOnceMore(proof: proof, at: now)
            let isDue = isTroubled || !isConfirmed || now >= proof + timing.renewInterval
            guard isDue, !isRenewing else { return questions + fence }
            isRenewing = true
            return [isConfirmed ? .renew(lease) : .resume(lease)] + questions + fence
        case .idle, .fencing, .ended: return []
        }
    }

    /// Fences when it is time, else asks to be woken for the next thing to do.
    mutating func fenceOrWake(at now: Moment) -> [Directive] {
        guard case .held(let lease, let proof, _) = phase else { return [] }
        let due = timing.fenceMoment(proof: proof)
        guard now < due else { return fence(lease, kill: timing.killMoment(proof: proof)) }
        var look = now + pause(proof: proof, at: now)
        if !isWatching(at: now) { look = max(proof + timing.renewInterval, look) }
        if let planned = nextLook, planned > now { look = min(planned, look) }
        nextLook = look
        return [.wake(at: min(due, look))]
    }

    private mutating func stop() -> [Directive] {
        let lease: SessionLease? =
            switch phase {
            case .registering(let lease, _), .held(let lease, _, _): lease
            default: nil
            }
        phase = .ended
        return [.disarmGuard] + (lease.map { [.revoke($0)] } ?? [])
    }
}
