// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FoundationEssentials
import Logging
import Registry

/// Keeps the audit: each act as a line of the journal with fields of its own, and as an event in the store.
actor RegistryAudit: AuditKeeper {
    /// Refusals that go to the store in one minute; the rest stand in the journal alone, with a word on how many.
    ///
    /// Anybody who can open a connection can be refused, and must not be able to fill the store.
    private static let refusalsPerMinute = 60

    private let store: @Sendable (AuditedAct, Date) async throws -> Void
    private let logger: Logger
    private var minute: Int64 = 0
    private var refusals = 0

    /// `store` keeps an act for the set time.
    init(logger: Logger, store: @escaping @Sendable (AuditedAct, Date) async throws -> Void) {
        self.store = store
        self.logger = logger
    }

    func record(_ act: AuditedAct) async {
        let now = Date()
        log(act)
        guard admits(act, now) else { return }
        do {
            try await store(act, now)
        } catch {
            logger.error(
                "an act is in the journal only: the audit in the store cannot be written",
                metadata: ["audit.action": "\(act.action)", "error": "\(error)"])
        }
    }

    private func admits(_ act: AuditedAct, _ now: Date) -> Bool {
        guard act.isRefusal else { return true }
        let present = Int64(now.timeIntervalSince1970) / 60
        if present != minute {
            minute = present
            refusals = 0
        }
        refusals += 1
        if refusals == Self.refusalsPerMinute + 1 {
            logger.warning("more than \(Self.refusalsPerMinute) refusals in a minute; the rest are in the journal only")
        }
        return refusals <= Self.refusalsPerMinute
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
