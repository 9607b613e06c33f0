// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

/// A unit as one machine's systemd sees it.
struct Sighting: Hashable, Sendable {
    var unit: String
    var machine: String
    var active: String
    var sub: String
    /// Different after each start.
    var invocation: String
    var mainProcess: Int
    /// When it last became active, and when it last became inactive or failed: seconds of the host's monotonic clock.
    var activeSince: Double
    var inactiveSince: Double
    /// When it last ceased to be active, be it to restart.
    var activeUntil: Double
    var restarts: Int

    /// What must stay the same of a unit that nobody touches.
    var identity: [String] { [unit, machine, invocation] }
}

/// What runs, asked of every machine's systemd and kernel, and of no code of ours.
extension Cluster {
    /// How the names of services begin that a machine has without any unit of the cluster.
    private static let ownServices = ["systemd-", "dbus.", "node-agent.", "flotilla-guard", "provision."]

    /// All that the machines' systemds know of these units.
    func sightings(of units: [String]) async throws -> [Sighting] {
        let script =
            "systemctl show --property=Id,ActiveState,SubState,InvocationID,MainPID,ActiveEnterTimestampMonotonic,"
            + "InactiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic,NRestarts,LoadState -- "
            + units.map { "'\($0)'" }.joined(separator: " ")
        return try await onEachMachine(script) { machine, output in
            output.replacing("\n\n", with: "\u{0}").split(separator: "\u{0}").compactMap { block in
                let values = Dictionary(
                    block.split(separator: "\n").map { line in
                        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
                    }
                ) { first, _ in first }
                guard let unit = values["Id"], values["LoadState"] == "loaded" else { return nil }
                func seconds(_ key: String) -> Double { (values[key].flatMap { Double($0) } ?? 0) / 1_000_000 }
                return Sighting(
                    unit: unit, machine: machine, active: values["ActiveState"] ?? "", sub: values["SubState"] ?? "",
                    invocation: values["InvocationID"] ?? "", mainProcess: values["MainPID"].flatMap { Int($0) } ?? 0,
                    activeSince: seconds("ActiveEnterTimestampMonotonic"),
                    inactiveSince: seconds("InactiveEnterTimestampMonotonic"),
                    activeUntil: seconds("ActiveExitTimestampMonotonic"),
                    restarts: values["NRestarts"].flatMap { Int($0) } ?? 0)
            }
        }
    }

    /// The machines on which a unit has processes, by unit, as the kernel's control groups say.
    func processes() async throws -> [String: [String]] {
        // A process may end before it is read; cat goes on to the next, where awk would stop.
        let script =
            "cat /proc/[0-9]*/cgroup 2>/dev/null | awk -F/ '/name=systemd|^0::/ && /[.]service$/ { print $NF }' | sort -u"
        let lines = try await onEachMachine(script) { machine, output in
            output.split(separator: "\n").map { (String($0), machine) }
        }
        return lines.reduce(into: [:]) { machines, line in
            let isOwn = Self.ownServices.contains { line.0.hasPrefix($0) }
            if !isOwn { machines[line.0, default: []].append(line.1) }
        }
    }

    /// Waits until each of these units is active on exactly one machine, and no unit has processes on two.
    ///
    /// - Parameters:
    ///   - units: Their names.
    ///   - patience: When to give up.
    ///   - machines: When given, the units must be on these machines.
    /// - Returns: The units by name.
    /// - Throws: `ClusterFailure` with what was seen last, when patience ends.
    @discardableResult
    func running(
        _ units: [String], within patience: Duration = .seconds(90), on machines: Set<String>? = nil
    ) async throws -> [String: Sighting] {
        var last: [Sighting] = []
        do {
            return try await untilValue("\(units.joined(separator: ", ")) each run once", within: patience) {
                last = try await sightings(of: units).filter { $0.active != "inactive" && $0.active != "failed" }
                guard last.count == units.count, Set(last.map(\.unit)).count == units.count,
                    last.allSatisfy({ $0.active == "active" && (machines?.contains($0.machine) ?? true) })
                else { return nil }
                try await expectNothingTwice()
                return Dictionary(uniqueKeysWithValues: last.map { ($0.unit, $0) })
            }
        } catch let failure as ClusterFailure {
            throw ClusterFailure("\(failure.description); last seen: \(last)")
        }
    }

    /// Checks that no unit has processes on two machines.
    func expectNothingTwice() async throws {
        let suspects = try await processes().filter { $0.value.count > 1 }
        if suspects.isEmpty { return }
        // The machines are not looked at in one instant: what moved meanwhile shows on both. What runs twice still does.
        let now = try await processes()
        for unit in suspects.keys.sorted() {
            let machines = now[unit] ?? []
            #expect(machines.count <= 1, "\(unit) has processes on \(machines.sorted())")
        }
    }

    /// Runs a script on all machines that are up, at once.
    private func onEachMachine<Value: Sendable>(
        _ script: String, _ read: @escaping @Sendable (String, String) -> [Value]
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: [Value].self) { group in
            for machine in try FileManager.default.contentsOfDirectory(atPath: "\(state)/machines") {
                group.addTask {
                    let outcome = try await attempt(in: machine, "bash", "-c", script)
                    if outcome.status == 0 { return read(machine, outcome.output) }
                    // A machine that is off, or lost its power this very moment, runs nothing.
                    let again = try await attempt(in: machine, "bash", "-c", script)
                    if again.status == 0 { return read(machine, again.output) }
                    guard again.error.contains("is down") else {
                        throw ClusterFailure("\(machine) does not answer: \(again.status) \(again.error)")
                    }
                    return []
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}
