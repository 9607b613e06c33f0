// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Session: what holds for every sequence of events")
struct SessionPropertyTests {
    private static let ttl = 10

    @Test(
        "no guard and no fence later than the last proof allows, and no entering without a session", arguments: 0..<10)
    func safety(block: UInt64) {
        for seed in (block * 40)..<(block * 40 + 40) {
            if let fault = Self.fault(seed: seed) {
                Issue.record("seed \(seed): \(fault)")
                return
            }
        }
    }

    /// The first thing that goes wrong in a random history of 300 events; `nil` when nothing does.
    private static func fault(seed: UInt64) -> String? {
        var generator = SeededGenerator(seed: seed)
        var core = SessionCore(timing: SessionTiming(ttl: ttl))
        let timing = SessionTiming(ttl: ttl)
        var now = Moment(nanoseconds: 100_000_000_000)
        var proof: Moment?
        var wake: Moment?
        var nextLease: Int64 = 1
        var history: [String] = []
        for step in 0..<300 {
            // Time goes by up to the moment that was asked for, sometimes far beyond: the agent was frozen.
            let isFrozen = Int.random(in: 0..<40, using: &generator) == 0
            let pause = Duration.milliseconds(Int64.random(in: 0...(isFrozen ? 9000 : 900), using: &generator))
            var event = step == 0 ? firstEvent(now, &generator) : randomEvent(now, &nextLease, &generator)
            if step > 0, let due = wake, !isFrozen, due <= now + pause {
                now = max(now, due)
                event = .woke
            } else {
                now = now + pause
            }
            let phase = core.phase
            let lastProof = proof
            proof = proven(event, in: phase, known: proof, at: now)
            let directives = core.handle(event, at: now)
            history.append("\(Short.text(now)) \(event) => \(directives.map(SessionScript.text))")
            func fail(_ what: String) -> String { ([what] + history.suffix(8)).joined(separator: "\n") }
            for directive in directives {
                switch directive {
                case .feedGuard(let until):
                    guard let proof, until <= timing.killMoment(proof: proof) else { return fail("fed for too long") }
                case .fence(let kill):
                    guard event == .leaseGone || kill <= now || (proof ?? lastProof).map(timing.killMoment) == kill
                    else {
                        return fail("kills at another moment than the proof says")
                    }
                case .enter:
                    guard case .held(_, _, true) = core.phase else { return fail("entered while not held") }
                case .wake(let at): wake = at
                default: break
                }
            }
            if case .held(_, let held, _) = core.phase {
                guard let proof, held <= proof else { return fail("believes in a proof that never was") }
                let due = timing.fenceMoment(proof: held)
                guard let wake, wake <= max(due, now) else { return fail("not awake when it is time to fence") }
            }
            if event == .woke, case .held(_, let held, _) = core.phase, now >= timing.fenceMoment(proof: held) {
                return fail("held on beyond the moment to fence")
            }
        }
        return nil
    }

    /// The newest proof after an event, kept apart from the core's own book.
    ///
    /// The return of the own store counts as one, by decision: until it has answered for the lease nothing was stopped.
    private static func proven(
        _ event: SessionCore.Event, in phase: SessionCore.Phase, known: Moment?, at now: Moment
    ) -> Moment? {
        var isHeld = false
        if case .held = phase { isHeld = true }
        switch event {
        case .started(.some, let proof) where phase == .idle: return proof
        case .granted(_, let sent) where phase == .granting: return sent
        case .renewed(let sent) where isHeld, .relayed(let sent) where isHeld, .proofOfPeer(let sent) where isHeld:
            return max(known ?? sent, sent)
        // Of a single member: what the answers of several prove has a suite of its own.
        case .memberAnswered(.refused, 0, 1, let sent) where isHeld,
            .memberAnswered(.noLeader, 0, 1, let sent) where isHeld:
            return max(known ?? sent, sent)
        case .ownStoreReturned:
            guard case .suspended = phase else { return known }
            return now
        default: return known
        }
    }

    private static func firstEvent(_ now: Moment, _ generator: inout SeededGenerator) -> SessionCore.Event {
        guard Bool.random(using: &generator) else { return .started(saved: nil, proof: now) }
        let age = Duration.milliseconds(Int64.random(in: 0...12_000, using: &generator))
        return .started(saved: SessionLease(id: 99, ttl: ttl), proof: now - age)
    }

    private static func randomEvent(
        _ now: Moment, _ nextLease: inout Int64, _ generator: inout SeededGenerator
    ) -> SessionCore.Event {
        let sent = now - .milliseconds(Int64.random(in: 0...4000, using: &generator))
        switch Int.random(in: 0..<40, using: &generator) {
        case 0..<6:
            nextLease += 1
            return .granted(SessionLease(id: nextLease, ttl: ttl), sent: sent)
        case 6..<12: return .registered
        case 12..<18: return .renewed(sent: sent)
        case 18..<22: return .renewFailed
        case 22: return .memberAnswered(.refused, member: 0, count: 1, asked: sent)
        case 23: return .memberAnswered(.noLeader, member: 0, count: 1, asked: sent)
        case 24: return .memberAnswered(.leads, member: 0, count: 1, asked: sent)
        case 25: return .memberAnswered(.refused, member: 1, count: 3, asked: sent)
        case 26: return .relayed(sent: sent)
        case 27: return .proofOfPeer(sent)
        case 28..<34: return .fenced
        case 34: return .leaseGone
        case 35: return .foreignStore
        case 36: return .ownStoreReturned
        case 37: return .taken
        case 38: return .grantFailed
        default: return .registerFailed
        }
    }
}
