// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Runs tables of `SECONDS event => directives` against a session's core.
///
/// Leases are numbers, their lifetime is the script's. `granted 7 @2` is a lease 7 that was asked for at 2 s; `renewed @2`
/// a renewal that left then; `refused 0/3 @2` the answer of the first of three members to a question that left then.
struct SessionScript {
    private var core: SessionCore
    private let ttl: Int

    static func transcript(_ script: Script, ttl: Int = 60) -> String {
        var run = SessionScript(core: SessionCore(timing: SessionTiming(ttl: ttl)), ttl: ttl)
        return script.transcript { run.take($0) }
    }

    private mutating func take(_ line: Script.Line) -> String {
        let words = Text.words(line.input)
        guard words.count >= 2, let event = event(words.dropFirst().map(\.self)) else {
            Issue.record("no such event: \(line.input)")
            return ""
        }
        let directives = core.handle(event, at: Short.moment(words[0]))
        return directives.isEmpty ? "-" : directives.map(Self.text).joined(separator: ", ")
    }

    private func event(_ words: [String]) -> SessionCore.Event? {
        let sent = words.last.flatMap { $0.hasPrefix("@") ? Short.moment(String($0.dropFirst())) : nil }
        let lease = words.dropFirst().first.flatMap { Int64($0) }.map { SessionLease(id: $0, ttl: ttl) }
        let moment = sent ?? Moment(nanoseconds: 0)
        switch words[0] {
        case "start": return .started(saved: lease, proof: moment)
        case "granted": return lease.map { .granted($0, sent: moment) }
        case "renewed": return .renewed(sent: moment)
        case "relayed": return .relayed(sent: moment)
        case "peer-proof": return .proofOfPeer(moment)
        case "unregistered": return .unregistered(sent: moment)
        case "refused", "no-leader", "follows", "leads":
            let numbers = words.dropFirst().first?.split(separator: "/").compactMap { Int($0) } ?? []
            guard let answer = Self.answers[words[0]], numbers.count == 2 else { return nil }
            return .memberAnswered(answer, member: numbers[0], count: numbers[1], asked: moment)
        default: return Self.plainEvents[words[0]]
        }
    }

    private static let answers: [String: MemberAnswer] = [
        "refused": .refused, "no-leader": .noLeader, "follows": .follows, "leads": .leads,
    ]

    private static let plainEvents: [String: SessionCore.Event] = [
        "grant-failed": .grantFailed, "registered": .registered, "taken": .taken, "register-failed": .registerFailed,
        "renew-failed": .renewFailed, "lease-gone": .leaseGone,
        "foreign": .foreignStore, "own-store": .ownStoreReturned, "fenced": .fenced, "woke": .woke,
        "stopping": .stopping, "kept-out": .keptOut, "connection-lost": .connectionLost, "guard-fired": .guardFired,
        "register-lease-gone": .registerLeaseGone,
    ]

    static func text(_ directive: SessionCore.Directive) -> String {
        switch directive {
        case .resume(let lease): "resume \(lease.id)"
        case .grant: "grant"
        case .register(let lease): "register \(lease.id)"
        case .renew(let lease): "renew \(lease.id)"
        case .askForQuorum: "ask"
        case .enter(let lease, let isNew): "enter \(lease.id) \(isNew ? "new" : "resumed")"
        case .feedGuard(let until): "feed \(Short.text(until))"
        case .disarmGuard: "disarm"
        case .fence(let kill): "fence \(Short.text(kill))"
        case .revoke(let lease): "revoke \(lease.id)"
        case .report(let report): "report \(report)"
        case .wake(let at): "wake \(Short.text(at))"
        }
    }
}
