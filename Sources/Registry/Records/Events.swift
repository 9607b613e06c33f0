// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd

extension Records {
    /// The audit; entries of one time share a lease, which is how long they are kept.
    package static let events = RecordKind<FreeName, AuditEntry>(
        "events/<moment>-<random>", lease: .own, agents: [], backup: .left, events: nil)
}

extension RegistryKeys {
    package var events: KeySelector { all(Records.events) }

    /// An entry of the audit; `moment` in milliseconds since 1970, so that keys sort by time.
    package func event(_ moment: Int64, _ random: String) -> String {
        key(Records.events, FreeName("\(Self.padded(moment))-\(random)"))
    }

    /// The entries from one moment on and before another.
    func events(from start: Int64, before end: Int64) -> KeySelector {
        let folder = "\(prefix)\(Records.events.folder)"
        // '0' follows '/': the end of all keys of this kind.
        let last = end > 9_999_999_999_999 ? "\(folder)0" : "\(folder)/\(Self.padded(end))"
        return .range("\(folder)/\(Self.padded(start))", before: last)
    }

    /// 13 digits, which last until the year 2286.
    private static func padded(_ moment: Int64) -> String {
        let digits = String(min(max(moment, 0), 9_999_999_999_999))
        return String(repeating: "0", count: 13 - digits.utf8.count) + digits
    }
}

/// One entry of the audit: the value of `events/<moment>-<random>`.
package struct AuditEntry: StoredRecord {
    /// Milliseconds since 1970.
    package var moment: Int64
    /// Who: `user:ada`, `machine:0123...`, `local:uid 0`, or empty for nobody known.
    package var who: String
    /// From where: an address, or `unix:<machine>` for the socket of that machine; version 0.1 wrote `unix` alone.
    package var from: String
    /// What was asked for, such as `unit.start`.
    package var action: String
    /// What it was asked of, such as a unit's name.
    package var subject: String
    /// What was there before and after, in words; `nil` where that makes no sense.
    package var before: String?
    package var after: String?
    /// `nil` when it was done; why it was not, in words, when it was refused.
    package var refusal: String?

    package init(
        moment: Int64, who: String, from: String, action: String, subject: String, before: String? = nil,
        after: String? = nil, refusal: String? = nil
    ) {
        self.moment = moment
        self.who = who
        self.from = from
        self.action = action
        self.subject = subject
        self.before = before
        self.after = after
        self.refusal = refusal
    }

    package init(_ object: JSONObject) throws(RecordError) {
        moment = try object.moment("moment")
        who = try object.text("who") ?? ""
        from = try object.text("from") ?? ""
        action = try object.text("action") ?? ""
        subject = try object.text("subject") ?? ""
        before = try object.text("before")
        after = try object.text("after")
        refusal = try object.text("refusal")
    }

    package func write(to object: inout JSONObject) {
        object["moment"] = .number(moment)
        object["who"] = .string(who)
        object["from"] = .string(from)
        object["action"] = .string(action)
        object["subject"] = .string(subject)
        object["before"] = before.map { .string($0) }
        object["after"] = after.map { .string($0) }
        object["refusal"] = refusal.map { .string($0) }
    }
}
