// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Systemd
import Timing

/// What people are told of a start that is over.
extension AgentShell {
    /// What the end of a job means, with systemd's words for it; `mark` is the count of changes when it was queued.
    func startEnd(_ unit: UnitName, _ result: JobResult, since mark: Int) async -> StartEnd {
        let report = (try? await units.startReport(of: unit.rawValue, after: result)) ?? StartReport()
        let status = try? await units.listUnits(names: [unit.rawValue]).first
        // The report has taken a while: what systemd told of the unit before the job's end has been taken in.
        let isUntouched = status?.active == "inactive" && lastSign[unit.rawValue, default: 0] <= mark
        // The stop of a restart is a sign, too. A socket, timer, path or automount that systemd begins to start and that fails has
        // a result of its own (systemd 252, socket_enter_dead and the like).
        let isRefused =
            status?.active == "inactive" && !report.triggers.isEmpty && report.result ?? "success" == "success"
        switch result {
        case .done, .skipped:
            // systemd takes a condition that is not met for a job that is done (systemd 252, job_perform_on_unit).
            if isUntouched, !report.conditions.isEmpty {
                return .skipped("not started, since \(Self.unmet(report.conditions))")
            }
            guard report.result == StartReport.unmetCommand, status?.active == "inactive" else { return .done }
            return .skipped("not started, since ExecCondition= is not met")
        case .canceled, .collected, .once: return .cancelled
        case .dependency:
            return .refused("not started: \(Self.words(report.dependencies, for: unit))")
        case .assert: return .refused("not started, since \(Self.unmet(report.asserts))")
        case .invalid, .unsupported: return .refused("not started: systemd says \(result.rawValue)")
        case .failed where isUntouched || isRefused:
            return .refused("not started: \(await refusal(of: unit, triggering: report.triggers))")
        case .failed, .timeout, .unknown: return .failed(Self.words(report, result))
        }
    }

    /// Why systemd does not even begin to start a unit, as far as what it is to start tells.
    private func refusal(of unit: UnitName, triggering names: [String]) async -> String {
        guard !names.isEmpty else { return "systemd refuses it; 'journalctl -u \(unit)' on the machine says why" }
        // A socket goes before its service (systemd 252, socket_start).
        let up = ((try? await units.listUnits(names: names)) ?? []).filter {
            unit.type == .socket && $0.active != "inactive" && $0.active != "failed"
        }
        guard up.isEmpty else {
            return
                "\(Self.listed(up.map(\.name), by: ", ")) runs already, and systemd starts a socket before its service only;"
                + " stop the service"
        }
        return "systemd cannot load \(Self.listed(names, by: ", ")), which it is to start"
    }

    private static func unmet(_ checks: [String]) -> String {
        guard checks.count > 1 else { return "\(checks.first ?? "an assertion") is not met" }
        return "one of \(checks.joined(separator: ", ")) is not met"
    }

    private static func words(_ report: StartReport, _ result: JobResult) -> String {
        // A job that ran out of its own time tells nothing of the unit.
        let own = report.result.flatMap { $0 == "success" ? nil : $0 }
        guard let words = own ?? (result == .failed ? nil : result.rawValue) else {
            // By now systemd has begun the next run, and shows that.
            return "start failed; \(logged)"
        }
        return "start failed: \(outcome(words, report))"
    }

    private static let logged = "systemd's own words are in the unit's journal"

    private static func outcome(_ result: String, _ report: StartReport) -> String {
        // Before any program ran the log alone says which of the settings it was.
        report.sentence.map { "\(result), \($0)" } ?? outcome(result, report.exit)
    }

    /// systemd's word for how a unit ended, and what the process left that it is owed to.
    private static func outcome(_ result: String, _ exit: StartReport.Exit?) -> String {
        exit.map { "\(result), \($0.words)" } ?? result
    }

    /// Tells how the run of a unit ended that shows as failed, at most once in a second and then the newest.
    func explainFailure(of unit: UnitName, _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        guard explaining.updateValue(true, forKey: unit) == nil else { return }
        while explaining.updateValue(false, forKey: unit) == true, !Task.isCancelled {
            let report = try? await units.startReport(of: unit.rawValue, after: .failed)
            // systemd forgets the end of a run when the next one begins.
            if let report, let result = report.result, result != "success" {
                inbox.yield(.explained(unit, failure: UnitState.failedWord + Self.outcome(result, report)))
            }
            guard (try? await clockwork.sleep(for: .seconds(1))) != nil else { break }
        }
        explaining[unit] = nil
    }

    /// As many units at fault, and things that one needs, are named: a reason is a line.
    private static let named = 3

    private static func listed(_ texts: [String], by separator: String) -> String {
        let more = texts.count > named ? "\(separator)and \(texts.count - named) more" : ""
        return texts.prefix(named).joined(separator: separator) + more
    }

    private static func words(_ faults: [DependencyFault], for unit: UnitName) -> String {
        guard !faults.isEmpty else { return "a unit that it depends on failed or is not there (dependency)" }
        return "a dependency failed: " + listed(faults.map { words($0, for: unit) }, by: "; ")
    }

    private static func words(_ fault: DependencyFault, for unit: UnitName) -> String {
        let setting = "\(fault.setting)=\(fault.name)"
        let words: String
        if fault.load == "not-found" {
            words = "\(setting): no such unit"
        } else if !fault.isLoaded {
            words = "\(setting): systemd cannot load it (\(fault.load))"
        } else if fault.hasFailed {
            words = fault.name + " failed" + (fault.result.map { " (\(outcome($0, fault.exit)))" } ?? "")
        } else {
            // systemd forgets which of them did not hold together with the unit.
            let needs = fault.checks.isEmpty ? "" : " (it needs \(listed(fault.checks, by: ", ")))"
            words = "\(setting): it is \(fault.active)\(needs)"
        }
        return fault.dependent == unit.rawValue ? words : "\(words), which \(fault.dependent) needs"
    }
}
