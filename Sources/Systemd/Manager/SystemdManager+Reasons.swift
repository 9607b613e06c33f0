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
        let type = Self.interface(of: name)
        var report = StartReport()
        report.conditions = try await checks("Conditions", of: name)
        report.asserts = try await checks("Asserts", of: name)
        report.triggers = try await strings("Unit", "Triggers", of: name)
        if result == .dependency { report.dependencies = (try? await dependencyFaults(of: name)) ?? [] }
        // Types that run nothing have neither.
        report.result = try? await text(type, "Result", of: name)
        let code = try? await number(type, "ExecMainCode", of: name)
        if let code, code != 0, let status = try? await number(type, "ExecMainStatus", of: name) {
            report.main = StartReport.Exit(isSignal: code == 2 || code == 3, status: status)
        }
        return report
    }

    package func leavesProcesses(of name: String) async throws(SystemdError) -> Bool {
        let type = Self.interface(of: name)
        guard ["Service", "Socket", "Mount", "Swap"].contains(type) else { return false }
        let mode = try await text(type, "KillMode", of: name)
        if mode == "process" || mode == "none" { return true }
        return try await call(Self.request(type, "SendSIGKILL", name)) { reader throws(SystemdError) in
            try reader.variant()?.flag == false
        }
    }

    /// The interface that goes with the unit's type: `Service` of `web.service`.
    private static func interface(of name: String) -> String {
        name.split(separator: ".").last.map { $0.prefix(1).uppercased() + $0.dropFirst() } ?? "Service"
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
