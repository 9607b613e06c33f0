// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd

/// Why a unit did not start, in systemd's words.
extension SystemdManager {
    package func fragmentPaths(of names: [String]) async throws(SystemdError) -> [String: String] {
        var paths: [String: String] = [:]
        // All are under way at once: the answers come in the order of the questions, on one connection.
        await withTaskGroup(of: (String, String?).self) { group in
            for name in names {
                group.addTask { (name, try? await self.text("Unit", "FragmentPath", of: name)) }
            }
            for await (name, path) in group { paths[name] = path }
        }
        return paths
    }

    package func startReport(
        of name: String, after result: JobResult
    ) async throws(SystemdError) -> StartReport {
        let type = Self.type(of: name)
        var report = StartReport()
        report.conditions = try await checks("Conditions", of: name)
        report.asserts = try await checks("Asserts", of: name)
        report.triggers = try await strings("Unit", "Triggers", of: name)
        if result == .dependency { report.dependencies = (try? await dependencyFaults(of: name)) ?? [] }
        // A signal tells all of it at once, as `GetAll` does; asked for one by one they would be of two runs. Types that run nothing have
        // none of it.
        var end = watches.end(of: name, after: result)
        if end == nil { end = try? await lastRun(type, of: name) }
        report.result = end?.result
        report.exit = end?.exit
        if end?.hasFailed == true, let failure = await failedCommand(type, of: name) {
            let isClean = report.exit.map { !$0.isSignal && $0.status == 0 } ?? true
            let mainEnd = isClean ? nil : try? await value(type, "ExecMainExitTimestampMonotonic", of: name)?.number
            // When one of them fails, systemd ends the other: the first one is the reason.
            if failure.time <= mainEnd ?? .max {
                report.exit = failure.exit
            }
        }
        // systemd ends the main process itself when another one fails.
        if let exit = report.exit, !exit.explains(report.result) { report.exit = nil }
        if report.result == Self.setupFailure { report.sentence = await sentence(on: name) }
        return report
    }

    private func lastRun(_ type: String, of name: String) async throws(SystemdError) -> RunEnd {
        try await call(.properties(path: UnitPath.path(of: name), interface: Self.interface(type))) {
            reader throws(SystemdError) in RunEnd(try reader.dictionary(wanted: RunEnd.properties))
        }
    }

    /// The settings whose commands run beside a main process, by the unit's type.
    ///
    /// - Source: org.freedesktop.systemd1(5).
    private static let commands = [
        "Service": ["ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"],
        "Socket": ["ExecStartPre", "ExecStartPost", "ExecStopPre", "ExecStopPost"],
        "Mount": ["ExecMount", "ExecRemount", "ExecUnmount"], "Swap": ["ExecActivate", "ExecDeactivate"],
    ]

    /// How a command ended that failed, and when, in microseconds of the monotonic clock.
    private struct Failure {
        var exit: StartReport.Exit
        var time: UInt64
    }

    /// The command beside the main process that failed first in the last run; `nil` where none did, or systemd has forgotten it.
    private func failedCommand(_ type: String, of name: String) async -> Failure? {
        var first: Failure?
        for setting in Self.commands[type] ?? [] {
            for failure in (try? await failures(of: setting, type, name)) ?? []
            where failure.time < first?.time ?? .max { first = failure }
        }
        return first
    }

    private func failures(
        of setting: String, _ type: String, _ name: String
    ) async throws(SystemdError) -> [Failure] {
        // Path, arguments, whether a failure is ignored, four times of the last run, process, and how it ended.
        let shape = "sasbttttuii"
        let failures = try await call(Self.request(type, setting, name)) { reader throws(SystemdError) in
            try reader.inside(SD_BUS_TYPE_VARIANT, "a(\(shape))") { reader throws(SystemdError) in
                try reader.array(of: "(\(shape))") { reader throws(SystemdError) in
                    try reader.structure(shape) { reader throws(SystemdError) -> Failure? in
                        let program = try reader.string()
                        try reader.skip("as")
                        let isIgnored = try reader.bool()
                        try reader.skip("ttt")
                        let time = try reader.uint64()
                        try reader.skip("u")
                        let (code, status) = (try reader.int32(), try reader.int32())
                        let exit = StartReport.Exit(code: code, status: status, command: "\(setting)=\(program)")
                        return isIgnored || code == 1 && status == 0 ? nil : exit.map { Failure(exit: $0, time: time) }
                    }
                }
            }
        }
        return failures.compactMap(\.self)
    }

    package func members(ofSlice name: String) async throws(SystemdError) -> [String] {
        try await strings("Unit", "SliceOf", of: name)
    }

    package func leavesProcesses(of name: String) async throws(SystemdError) -> Bool {
        let type = Self.type(of: name)
        guard ["Service", "Socket", "Mount", "Swap"].contains(type) else { return false }
        let mode = try await text(type, "KillMode", of: name)
        if mode == "process" || mode == "none" { return true }
        return try await value(type, "SendSIGKILL", of: name)?.flag == false
    }

    private static func type(of name: String) -> String { UnitPath.type(of: name) ?? "Service" }

    private func value(_ type: String, _ property: String, of name: String) async throws(SystemdError) -> BusValue? {
        try await call(Self.request(type, property, name)) { reader throws(SystemdError) in try reader.variant() }
    }

    private func text(_ type: String, _ property: String, of name: String) async throws(SystemdError) -> String? {
        try await value(type, property, of: name)?.text.flatMap { $0.isEmpty ? nil : $0 }
    }

    func strings(_ type: String, _ property: String, of name: String) async throws(SystemdError) -> [String] {
        try await call(Self.request(type, property, name)) { reader throws(SystemdError) in
            try reader.inside(SD_BUS_TYPE_VARIANT, "as") { reader throws(SystemdError) in
                try reader.array(of: "s") { reader throws(SystemdError) in try reader.string() }
            }
        }
    }

    private static func request(_ type: String, _ property: String, _ name: String) -> BusRequest {
        .property(path: UnitPath.path(of: name), interface: interface(type), name: property)
    }

    private static func interface(_ type: String) -> String { "org.freedesktop.systemd1." + type }

    /// A list of conditions or assertions, as a unit file says them: those that did not hold, or all when systemd does not say.
    ///
    /// - Source: org.freedesktop.systemd1(5): type, trigger, negation, parameter, and a state below 0 for one that failed. systemd
    ///   forgets the states with a unit that nothing needs any more, which is at once for one that was not started.
    private func checks(_ list: String, of name: String) async throws(SystemdError) -> [String] {
        let entries = try await call(Self.request("Unit", list, name)) { reader throws(SystemdError) in
            try reader.inside(SD_BUS_TYPE_VARIANT, "a(sbbsi)") { reader throws(SystemdError) in
                try reader.array(of: "(sbbsi)") { reader throws(SystemdError) in
                    try reader.structure("sbbsi") { reader throws(SystemdError) in
                        let name = try reader.string()
                        let isTrigger = try reader.bool()
                        let isNegated = try reader.bool()
                        let text = "\(name)=\(isTrigger ? "|" : "")\(isNegated ? "!" : "")\(try reader.string())"
                        return (text: text, state: try reader.int32())
                    }
                }
            }
        }
        let failed = entries.filter { $0.state < 0 }
        return (failed.isEmpty ? entries : failed).map(\.text)
    }
}
