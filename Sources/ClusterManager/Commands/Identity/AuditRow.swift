// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// A line of `audit`.
struct AuditRow: TableRow, Equatable {
    static let subjects = "entries"
    let time: Int64
    let user: String
    let from: String
    /// What was done in this program's own words, such as `stop web.service`.
    let did: String
    /// The same as the API saw it.
    let action: String
    let unit: String?
    let before: String?
    let after: String?
    let refusal: String?

    init(_ event: API.AuditEvent) {
        time = event.time
        user = event.caller
        from = event.origin
        did = AuditWords.did(event)
        action = event.action
        unit = event.unit
        before = event.before
        after = event.after
        refusal = event.refusal
    }

    static let defaultFields = ["time", "user", "did", "refused"]
    static let columns: [Column<AuditRow>] = [
        Column("time") { row, _ in Clock.text(row.time) },
        Column("user") { row, _ in AuditWords.user(row.user) },
        Column("from") { row, _ in AuditWords.place(row.from) },
        Column("did") { row, _ in row.did },
        Column("action") { row, _ in row.action },
        Column("unit") { row, _ in row.unit ?? "-" },
        Column("before") { row, _ in row.before ?? "-" },
        Column("after") { row, _ in row.after ?? "-" },
        Column("refused") { row, _ in row.refusal ?? "-" },
    ]
}

/// What an entry of the audit is in the words of the command that does it.
enum AuditWords {
    /// Whom the kernel vouches for at a machine's own socket, such as `unix:0`; others as they are.
    static func user(_ name: String) -> String {
        guard let number = name.split(separator: ":").last, name.hasPrefix("unix:") else { return name }
        return number == "0" ? "root" : "uid \(number)"
    }

    /// The names by which the audit may have whom `word` means: the inverse of `user`.
    static func callers(_ word: String) -> [String] {
        // A user may be called root, too.
        if word == "root" { return [word, "unix:0"] }
        let number = word.dropFirst("uid ".count)
        guard word.hasPrefix("uid "), !number.isEmpty, number.allSatisfy(\.isNumber) else { return [word] }
        return ["unix:\(number)"]
    }

    /// `unix:<machine>` is the socket of that machine; entries of version 0.1 do not name it.
    static func place(_ origin: String) -> String {
        if origin == "unix" { return "a machine's socket" }
        guard origin.hasPrefix("unix:") else { return origin }
        return "socket of \(short(String(origin.dropFirst(5))))"
    }

    /// The command, such as `start web.service` or `drain 19feb34b`; the API's own words for what no command does.
    static func did(_ event: API.AuditEvent) -> String {
        let words = event.action.split(separator: " ", maxSplits: 1)
        guard words.count == 2 else { return event.action }
        let method = words[0]
        // Behind /fleet/v1 or /flotilla/v1; fleet's first form of its path is one part long.
        var path = words[1].split(separator: "/").map(String.init)
        path.removeFirst(min(path.first == "v1-alpha" ? 1 : 2, path.count))
        let subject = path.count > 1 ? short(path[1]) : ""
        switch (method, path.first ?? "", path.dropFirst(2).first) {
        case ("PUT", "units", nil): return "\(change(event)) \(subject)"
        case ("DELETE", "units", nil): return "destroy \(subject)"
        case ("POST", "units", "restart"?): return "restart \(subject)"
        case ("PATCH", "machines", _):
            let words = (event.after ?? "").split(separator: " ").map { short(String($0)) }
            return (["metadata"] + words).joined(separator: " ")
        case ("POST", "machines", "revoke"?): return "machine revoke \(subject)"
        case ("POST", "machines", "password"?):
            return path.count > 3
                ? "cluster store rotate-passwords of \(subject)" : "new password in etcd of \(subject)"
        case ("POST", "machines", let order?): return "\(order) \(subject)"
        case ("PUT", "operations", nil): return begun(event) ?? "begin operation \(subject)"
        case ("POST", "operations", let order?): return "operation \(order) \(subject)"
        case ("POST", "tokens", _): return "token create"
        case ("DELETE", "tokens", _): return "token revoke \(subject)"
        case ("POST", "users", nil): return "user add"
        case ("DELETE", "users", _): return "user revoke \(subject)"
        case ("POST", "users", "certificate"?): return "profile renew of \(subject)"
        case ("DELETE", "brake", _): return "brake release"
        case ("GET", "backup", _): return "backup"
        case ("PUT", "backup", _): return "restore"
        case ("POST", "authorities", "rotate"?) where subject == "password": return "cluster store rotate-passwords"
        case ("POST", "authorities", _): return "cluster ca rotate"
        case ("POST", "join", _): return "node-agent join"
        case ("POST", "store", _): return "cluster adopt"
        // What the machine that was asked has passed on to the one that is meant, which alone knows that it is.
        case ("POST", "peer", _) where subject == "reboot":
            let machine = (event.after ?? "").split(separator: " ").last.map { " " + short(String($0)) } ?? ""
            return "reboot\(machine), passed on"
        case ("POST", "peer", _) where subject == "store": return "cluster adopt, passed on"
        default: return event.action
        }
    }

    /// The verb that began an operation: `drain 19feb34b`, of `operation drain-1: drain of machine 19feb34b...`.
    private static func begun(_ event: API.AuditEvent) -> String? {
        guard let after = event.after, let start = after.firstRange(of: ": ")?.upperBound else { return nil }
        let words = after[start...].split(separator: " ").filter { !["of", "to", "machine"].contains($0) }
        return words.map { short(String($0)) }.joined(separator: " ")
    }

    /// What a change of a unit's file or target was, by how it stood before and after.
    ///
    /// Both read `launched 3f2a9c01`, the target and the file's hash. A refusal has no after.
    private static func change(_ event: API.AuditEvent) -> String {
        func parts(_ text: String?) -> (target: String, hash: String)? {
            guard let words = text?.split(separator: " ", omittingEmptySubsequences: true), words.count >= 2 else {
                return nil
            }
            return (String(words[0]), String(words[1].prefix { $0 != "," }))
        }
        guard let after = parts(event.after) else { return "change" }
        let before = parts(event.before)
        let rank = ["inactive": 0, "loaded": 1, "launched": 2]
        let (old, new) = (before.flatMap { rank[$0.target] } ?? -1, rank[after.target] ?? 0)
        if old != new {
            return new == 2 ? "start" : new == 0 ? (old < 0 ? "submit" : "unload") : old > 1 ? "stop" : "load"
        }
        return before?.hash == after.hash ? "set again" : "replace"
    }

    /// An id as short as the tables have it; names as they are.
    private static func short(_ text: String) -> String {
        let isID =
            text.utf8.count == 32 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return isID ? String(text.prefix(8)) : text
    }
}
