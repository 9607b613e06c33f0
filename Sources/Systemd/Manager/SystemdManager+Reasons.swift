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
        let type = name.split(separator: ".").last.map { $0.prefix(1).uppercased() + $0.dropFirst() } ?? "Service"
        var report = StartReport()
        report.conditions = try await checks("Conditions", of: name)
        report.asserts = try await checks("Asserts", of: name)
        report.triggers = try await strings("Unit", "Triggers", of: name)
        if result == .dependency { report.dependencies = (try? await dependencyFaults(of: name)) ?? [] }
        // Types that run nothing have neither.
        report.result = try? await text(String(type), "Result", of: name)
        let code = try? await number(String(type), "ExecMainCode", of: name)
        if let code, code != 0, let status = try? await number(String(type), "ExecMainStatus", of: name) {
            report.main = StartReport.Exit(isSignal: code == 2 || code == 3, status: status)
        }
        return report
    }

    private func text(_ type: String, _ property: String, of name: String) async throws(SystemdError) -> String? {
        try await call(Self.request(type, property, name)) { reader throws(SystemdError) in
            try reader.variant()?.text.flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    func strings(_ type: String, _ property: String, of name: String) async throws(SystemdError) -> [String] {
        try await call(Self.request(type, property, name)) { reader throws(SystemdError) in
            try reader.inside(SD_BUS_TYPE_VARIANT, "as") { reader throws(SystemdError) in
                try reader.array(of: "s") { reader throws(SystemdError) in try reader.string() }
            }
        }
    }

    private func number(_ type: String, _ property: String, of name: String) async throws(SystemdError) -> Int32? {
        try await call(Self.request(type, property, name)) { reader throws(SystemdError) in
            try reader.variant()?.signed
        }
    }

    private static func request(_ type: String, _ property: String, _ name: String) -> BusRequest {
        .property(path: UnitPath.path(of: name), interface: "org.freedesktop.systemd1." + type, name: property)
    }

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

/// What systemd knows of a start that is over.
package struct StartReport: Hashable, Sendable {
    /// How the main process ended.
    package struct Exit: Hashable, Sendable {
        package var isSignal: Bool
        /// The exit status, or the signal's number.
        package var status: Int32

        package init(isSignal: Bool, status: Int32) {
            self.isSignal = isSignal
            self.status = status
        }
    }

    /// The conditions that did not hold, such as `ConditionPathExists=/etc/web`, or all where systemd does not say which.
    package var conditions: [String]
    /// The same for assertions.
    package var asserts: [String]
    /// The units that a timer, socket or path starts.
    package var triggers: [String]
    /// The units at fault when the job ended with `dependency`, by name; none where they have come right meanwhile.
    package var dependencies: [DependencyFault]
    /// systemd's word for the outcome: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit` and so on.
    package var result: String?
    package var main: Exit?

    package init(
        conditions: [String] = [], asserts: [String] = [], triggers: [String] = [],
        dependencies: [DependencyFault] = [], result: String? = nil, main: Exit? = nil
    ) {
        self.conditions = conditions
        self.asserts = asserts
        self.triggers = triggers
        self.dependencies = dependencies
        self.result = result
        self.main = main
    }
}
