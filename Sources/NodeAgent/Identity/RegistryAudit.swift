// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FoundationEssentials
import Logging
import Registry

/// Keeps the audit: each act as a line of the journal with fields of its own, and as an event in the store.
///
/// Anybody who can open a connection can be refused, and must fill neither: refusals are cut, and of many only some are kept.
/// Each caller whom the cluster knows has his own part of that, and all strangers have one together.
actor RegistryAudit: AuditKeeper {
    /// How many refusals are kept at once, and then one in how many seconds: in the store a day's worth is a few megabytes of its
    /// history at the most.
    private static let atOnce = 60.0
    private static let secondsInStore = 10.0
    private static let secondsInJournal = 1.0
    /// Characters of what somebody wrote who was refused.
    private static let length = 200

    /// What one kind of callers may have kept.
    private struct Room {
        var store: TokenBucket
        var journal: TokenBucket
        /// Refusals that are in the journal alone, and in neither, since the last one that was kept there.
        var left = 0
        var untold = 0

        init(at now: Double) {
            store = TokenBucket(burst: atOnce, rate: 1 / secondsInStore, now: now)
            journal = TokenBucket(burst: atOnce, rate: 1 / secondsInJournal, now: now)
        }
    }

    private let store: @Sendable (AuditedAct, Date) async throws -> Void
    private let logger: Logger
    private let now: @Sendable () -> Date
    /// By caller, one for all strangers.
    private var rooms: [String: Room] = [:]
    private var pending: [Int: Task<Void, Never>] = [:]
    private var lastNumber = 0

    /// `store` keeps an act for the set time; `now` tells the time.
    init(
        logger: Logger, now: @escaping @Sendable () -> Date = { Date() },
        store: @escaping @Sendable (AuditedAct, Date) async throws -> Void
    ) {
        self.store = store
        self.logger = logger
        self.now = now
    }

    func record(_ act: AuditedAct) async {
        let now = now()
        guard act.isRefusal else {
            log(act)
            return await keep(act, now)
        }
        guard let act = admitted(act, at: now.timeIntervalSince1970) else { return }
        // Nobody who is refused waits for etcd, least of all while it is away.
        lastNumber += 1
        let number = lastNumber
        pending[number] = Task {
            await keep(act, now)
            pending[number] = nil
        }
    }

    private func keep(_ act: AuditedAct, _ now: Date) async {
        do {
            try await store(act, now)
        } catch {
            logger.error(
                "an act is in the journal only: the audit in the store cannot be written",
                metadata: ["audit.action": "\(act.action)", "error": "\(error)"])
        }
    }

    /// Waits until all that was recorded before is kept.
    func settle() async { for task in Array(pending.values) { await task.value } }

    /// What of a refusal goes to the store; `nil` when it does not.
    private func admitted(_ act: AuditedAct, at now: Double) -> AuditedAct? {
        var act = act
        act.action = Self.cut(act.action)
        act.unit = act.unit.map(Self.cut)
        act.reason = act.reason.map(Self.cut)
        var room = rooms[act.caller] ?? Room(at: now)
        defer { rooms[act.caller] = room }
        if room.journal.take(at: now) {
            if room.untold > 0 {
                let requests = room.untold == 1 ? "request more was" : "requests more were"
                logger.warning("\(room.untold) \(requests) refused before, and not told of")
            }
            room.untold = 0
            log(act)
        } else {
            room.untold += 1
        }
        guard room.store.take(at: now) else {
            room.left += 1
            return nil
        }
        if room.left > 0 {
            let refusals = room.left == 1 ? "1 refusal before it is" : "\(room.left) refusals before it are"
            act.reason = (act.reason.map { $0 + "; " } ?? "") + "\(refusals) not in the store"
        }
        room.left = 0
        return act
    }

    private static func cut(_ text: String) -> String {
        text.count > length ? text.prefix(length) + "..." : text
    }

    private func log(_ act: AuditedAct) {
        var fields: Logger.Metadata = [
            "audit.user": "\(act.caller)", "audit.from": "\(act.origin)", "audit.action": "\(act.action)",
            "audit.status": "\(act.status)",
        ]
        if let unit = act.unit { fields["audit.unit"] = "\(unit)" }
        if let before = act.before { fields["audit.before"] = "\(before)" }
        if let after = act.after { fields["audit.after"] = "\(after)" }
        if let reason = act.reason { fields["audit.reason"] = "\(reason)" }
        if act.isRefusal {
            logger.warning("request refused", metadata: fields)
        } else {
            logger.notice("changed by \(act.caller)", metadata: fields)
        }
    }
}
