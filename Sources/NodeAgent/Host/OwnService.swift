// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd

/// The service that systemd runs this process as.
struct OwnService: Sendable {
    let units: any UnitManager

    /// Why systemd asked this process to end.
    ///
    /// systemd sends the same SIGTERM for a restart, a stop and a shutdown; which it is stands in the job that it has for
    /// the service. Only a stop means that the machine leaves its cluster: after anything else this agent, or one like it,
    /// is expected back.
    func stopReason() async -> NodeAgentProgram.StopReason {
        guard let name = Self.name, let status = try? await units.listUnits(names: [name]).first else {
            return .restart
        }
        return status.job?.type == "stop" ? .leave : .restart
    }

    /// The service's name, from the control group; `nil` when systemd did not start this process as a service.
    static var name: String? {
        guard let groups = try? HostFiles.read("/proc/self/cgroup") else { return nil }
        for line in groups.split(separator: "\n") where line.hasPrefix("0::") || line.contains("name=systemd:") {
            let last = line.split(separator: "/").last.map(String.init) ?? ""
            if last.hasSuffix(".service") { return last }
        }
        return nil
    }
}
