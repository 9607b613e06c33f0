// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore

/// One thing that somebody did or was refused.
package struct AuditedAct: Hashable, Sendable {
    /// Who, as `Caller.name`.
    package var caller: String
    /// From where, as `Caller.origin`.
    package var origin: String
    /// What: method and path, decoded, such as `PUT /fleet/v1/units/web.service`.
    package var action: String
    /// The unit that it is about.
    package var unit: String?
    /// The unit before and after, as `launched 3f2a9c01`; `nil` where there is none.
    package var before: String?
    package var after: String?
    /// The answer's status.
    package var status: Int
    /// Why it was refused, in words for the operator; they may say more than the caller was told.
    package var reason: String?

    package var isRefusal: Bool { status >= 400 }

    package init(
        caller: String, origin: String, action: String, unit: String? = nil, before: String? = nil,
        after: String? = nil, status: Int, reason: String? = nil
    ) {
        self.caller = caller
        self.origin = origin
        self.action = action
        self.unit = unit
        self.before = before
        self.after = after
        self.status = status
        self.reason = reason
    }
}

/// Keeps what was done.
package protocol AuditKeeper: Sendable {
    /// Called after each change and each refusal for want of rights; must not throw the change away when it cannot be kept.
    func record(_ act: AuditedAct) async
}

/// What the audit learns of one request while it is carried out.
struct Trail {
    private let caller: Caller
    private let method: String
    private let path: RequestPath
    /// What is kept of it.
    private let kept: APICall.Audit
    private let unit: String?
    private let before: String?

    /// Of a request that changes nothing.
    init(_ method: String, _ target: String, _ caller: Caller, _ service: APIService) {
        self.caller = caller
        self.method = method
        path = RequestPath(target.prefix { $0 != "?" })
        kept = service.router.audit(method, path)
        unit = path.segments.unit
        before = nil
    }

    /// Takes note of how things stand before a change.
    init(_ request: ServerRequest, _ service: APIService) async {
        caller = request.caller
        method = request.method
        path = RequestPath(request.path)
        kept = service.router.audit(method, path)
        unit = path.segments.unit
        before = request.method == "GET" || service.audit == nil ? nil : await service.summary(of: unit)
    }

    /// Records the request if it changed something, or was refused for want of rights.
    func end(_ reply: ServerReply, _ service: APIService, refusal: String? = nil) async {
        guard let audit = service.audit else { return }
        let isChange = kept != .refusals && (200..<300).contains(reply.status) && !reply.isRoutine
        let isRefusal =
            [401, 403, 421, 429].contains(reply.status) || kept == .attempts && (400..<500).contains(reply.status)
        guard isChange || isRefusal else { return }
        var reason = refusal
        // What is refused to a stranger for being one is told by why he is one.
        if reply.status == 401, case .unknown(let why) = caller.identity { reason = why }
        await audit.record(
            AuditedAct(
                caller: caller.name, origin: caller.origin,
                action: method + " /" + path.segments.joined(separator: "/"), unit: unit,
                before: before ?? reply.former,
                after: isChange ? (await service.summary(of: unit) ?? reply.note) : nil, status: reply.status,
                reason: reason))
    }
}

extension [String] {
    /// The unit that a path's segments name.
    fileprivate var unit: String? {
        guard let index = firstIndex(of: "units"), index + 1 < count else { return nil }
        return self[index + 1]
    }
}

extension APIService {
    /// What the audit says of a unit: its target, the file that it runs and how often it was restarted.
    fileprivate func summary(of unit: String?) async -> String? {
        guard let unit, let state = try? await access.state().state,
            let record = state.units[UnitName(unchecked: unit)]
        else { return nil }
        let restarts = record.restarts > 0 ? ", restart \(record.restarts)" : ""
        return "\(record.target) \(record.hash.short)\(restarts)"
    }
}
