// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Runs tables of `[SECONDS] event; event... => directives` against the agent's core of machine A.
///
/// ```
/// enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running
/// order web launched v2 #1 @6       gone web        claimed web     lost web      installed web     issued web ...
/// ```
///
/// A file `started` was in force when its unit was last started, one `from-v1` replaced that since.
///
/// A unit `once` runs once, and one with `retried` besides may fail and be tried again. `job web done` ends a job,
/// `done web v1 [#1] [B] [failed]` is what the store holds of its end, `done web` that it holds nothing.
///
/// `claimed`, `lost` and `installed` answer the last such directive. Reports of states are acknowledged at once and not
/// shown, unless the table is told to show them; then `published` and `publish-failed` answer them.
struct AgentScript {
    private var core = AgentCore(machine: Short.machine("A"))
    private var files = TestFiles()
    private var now = Moment(nanoseconds: 0)
    private var orderOfUnit: [UnitName: Order] = [:]
    private var lastPublished: [UnitState] = []
    private let showsPublishing: Bool

    private init(showsPublishing: Bool) { self.showsPublishing = showsPublishing }

    static func transcript(_ script: Script, showsPublishing: Bool = false) -> String {
        var run = AgentScript(showsPublishing: showsPublishing)
        return script.transcript { run.take($0) }
    }

    private mutating func take(_ line: Script.Line) -> String {
        var parts = Text.parts(line.input, by: ";").map { Text.words($0) }
        if let first = parts.first?.first, Double(first) != nil {
            now = Short.moment(first)
            parts[0].removeFirst()
        }
        if parts.first == ["fenced?"] { return core.fencedUnits.map(Short.text).joined(separator: ", ") }
        var directives: [String] = []
        for event in events(parts) { directives += handle(event) }
        return directives.isEmpty ? "-" : directives.joined(separator: ", ")
    }

    private mutating func handle(_ event: AgentEvent) -> [String] {
        let directives = core.handle(event, at: now)
        for order in directives.claim + directives.install { orderOfUnit[order.unit] = order }
        if !directives.publish.isEmpty { lastPublished = directives.publish }
        let shown = text(directives)
        guard !showsPublishing, !directives.publish.isEmpty else { return shown }
        let more = handle(.published(directives.publish))
        return shown.filter { !more.contains($0) } + more
    }

    // MARK: Events

    private mutating func events(_ parts: [[String]]) -> [AgentEvent] {
        if parts.first == ["enter"] { return [entered(Array(parts.dropFirst()))] }
        if parts.first?.first == "order" { return [.ordered(parts.map { order($0) }, gone: [])] }
        return parts.compactMap { words in
            let unit = Short.unit(words.dropFirst().first ?? "")
            switch words[0] {
            case "gone": return .ordered([], gone: [unit])
            case "claimed": return orderOfUnit[unit].map { .claimed(granted: [claim(of: $0)], lost: []) }
            case "lost": return orderOfUnit[unit].map { .claimed(granted: [], lost: [$0]) }
            case "claim-failed": return .claimFailed([unit])
            case "installed":
                return orderOfUnit[unit].map {
                    .installed(
                        InstalledFile(
                            unit: unit, hash: $0.assignment.hash, isKept: words.contains("kept"), runs: Self.runs(words)
                        ))
                }
            case "install-failed":
                return .installFailed(
                    unit, reason: "bad file",
                    words.contains("lasting") ? .lasting : words.contains("standing") ? .standing : .passing)
            case "uninstalled": return .uninstalled([unit])
            case "damaged": return .damaged([unit])
            case "missing": return .missing(unit)
            case "issued": return .issued(unit)
            case "issue-failed": return .issueFailed(unit, reason: "no answer")
            case "start-done": return .startEnded(unit, .done)
            case "start-skipped": return .startEnded(unit, .skipped("no such path"))
            case "start-refused": return .startEnded(unit, .refused("no such unit"))
            case "start-failed": return .startEnded(unit, .failed("start failed: exit-code, status 1"))
            case "start-waits": return .startEnded(unit, .waiting("others first"))
            case "uninstall-failed": return .uninstallFailed(unit, reason: "processes are left")
            case "stopped": return .stopped(unit)
            case "stop-in-vain": return .runsAgain(unit, reason: "it runs again")
            case "stop-failed": return .stopFailed(unit, reason: "no answer")
            case "seen": return .observed([observation(words)])
            case "explained": return .explained(unit, failure: "failed: exit-code, status 1")
            case "explained-fully":
                return .explained(unit, failure: "failed: exit-code, status 4 of ExecStartPre=/bin/test")
            case "explained-briefly": return .explained(unit, failure: "failed: exit-code")
            case "published": return .published(lastPublished)
            case "publish-failed": return .publishFailed
            case "claim-gone": return .claimsGone([unit])
            case "withdrawn": return .withdrawn([unit])
            case "withdraw-failed": return .withdrawFailed([unit])
            case "job":
                guard let end = JobEnd(rawValue: words[2]) else {
                    Issue.record("no such end of a job: \(words)")
                    return nil
                }
                return .jobEnded(unit, end)
            case "done": return .completed(words.count > 2 ? [completion(words)] : [], of: [unit])
            case "recorded": return .recorded
            case "record-failed": return .recordFailed
            case "left": return .left
            case "entering": return .entering
            case "woke": return .woke
            default:
                Issue.record("no such event: \(words)")
                return nil
            }
        }
    }

    private func claim(of order: Order) -> UnitState {
        UnitState(machine: core.machine, unit: order.unit, hash: order.assignment.hash)
    }

    private mutating func entered(_ parts: [[String]]) -> AgentEvent {
        var own: [UnitState] = []
        var orders: [Order] = []
        var installed: [InstalledFile] = []
        var observed: [Observation] = []
        for words in parts {
            let unit = Short.unit(words[1])
            switch words[0] {
            case "own":
                let said = order(words).assignment
                let active = words.first { $0.contains("/") }?.split(separator: "/").map(String.init)
                own.append(
                    UnitState(
                        machine: core.machine, unit: unit, active: active?[0] ?? "", sub: active?[1] ?? "",
                        hash: said.hash, acted: said.target, restarts: said.restarts))
            case "order": orders.append(order(words))
            case "file":
                let hash = files.hash(words[1], version: Self.number("v", words) ?? 1)
                installed.append(
                    InstalledFile(
                        unit: unit, hash: hash, isKept: words.contains("kept"), runs: Self.runs(words),
                        startedHash: Self.number("from-v", words).map { files.hash(words[1], version: $0) }
                            ?? (words.contains("started") ? hash : nil)))
            case "seen": observed.append(observation(words))
            default: Issue.record("no such part of entering: \(words)")
            }
        }
        return .entered(own: own, orders: orders, installed: installed, observed: observed)
    }

    private mutating func order(_ words: [String]) -> Order {
        let hash = files.hash(words[1], version: Self.number("v", words) ?? 1)
        let assignment = Assignment(
            machine: core.machine, unit: Short.unit(words[1]), hash: hash, target: Short.target(words[2]),
            restarts: Self.number("#", words) ?? 0)
        return Order(assignment: assignment, revision: Int64(Self.number("@", words) ?? 0))
    }

    private mutating func completion(_ words: [String]) -> Completion {
        Completion(
            unit: Short.unit(words[1]),
            machine: words.first(where: Short.isMachine).map(Short.machine) ?? core.machine,
            hash: files.hash(words[1], version: Self.number("v", words) ?? 1), restarts: Self.number("#", words) ?? 0,
            isSuccess: !words.contains("failed"), moment: 7)
    }

    private static func runs(_ words: [String]) -> RunPolicy {
        words.contains("once") ? .once(retriesFailure: words.contains("retried")) : .always
    }

    private func observation(_ words: [String]) -> Observation {
        let states = words[2].split(separator: "/").map(String.init)
        return Observation(unit: Short.unit(words[1]), load: "loaded", active: states[0], sub: states[1])
    }

    private static func number(_ mark: String, _ words: [String]) -> Int? {
        words.lazy.filter { $0.hasPrefix(mark) }.compactMap { Int($0.dropFirst(mark.count)) }.first
    }

    // MARK: Directives

    private func text(_ directives: AgentDirectives) -> [String] {
        var parts = directives.claim.map { "claim \(Short.text($0.unit))@\($0.revision)" }
        parts += directives.install.map { "install \(Short.text($0.unit)) \(files.version($0.assignment.hash))" }
        parts += directives.uninstall.map { "uninstall \(Short.text($0))" }
        parts += directives.start.map { "start \(Short.text($0))" }
        parts += directives.restart.map { "restart \(Short.text($0))" }
        parts += directives.stop.map { "stop \(Short.text($0))" }
        if showsPublishing { parts += directives.publish.map { "publish " + text($0) } }
        parts += directives.complete.map { report in
            let end = report.completion.isSuccess ? "done" : "failed"
            let restarts = report.completion.restarts > 0 ? " #\(report.completion.restarts)" : ""
            return
                "\(end) \(Short.text(report.completion.unit)) \(files.version(report.completion.hash))\(restarts)@\(report.revision)"
        }
        parts += directives.withdraw.map { "withdraw \(Short.text($0))" }
        return parts + (directives.wake.map { ["wake \(Short.text($0))"] } ?? [])
    }

    private func text(_ state: UnitState) -> String {
        var words = [Short.text(state.unit), files.version(state.hash), state.acted.rawValue]
        if state.restarts > 0 { words.append("#\(state.restarts)") }
        if !state.active.isEmpty { words.append("\(state.active)/\(state.sub)") }
        if let health = state.health { words.append("(\(state.load): \(health))") }
        return words.joined(separator: " ")
    }
}
