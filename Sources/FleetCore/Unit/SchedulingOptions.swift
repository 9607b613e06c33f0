// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a unit's `[X-Fleet]` section asks of the machine that is to run it.
///
/// Names and rules are fleet's. Wider than fleet: `MachineOf=` and `Replaces=` take several names on a line,
/// continued lines are joined, `Ports=`, `OnDisconnect=` and `RunAgain=` are ours.
package struct SchedulingOptions: Hashable, Sendable {
    /// What happens to the unit on a machine that can no longer prove that it belongs to the cluster.
    package enum OnDisconnect: String, Hashable, Sendable, CaseIterable {
        /// It is stopped, so that it never runs twice (rule R1).
        case fence
        /// It runs on, and may run twice.
        case keep
    }

    /// The section that holds the options.
    package static let section = "X-Fleet"

    /// `MachineID=`: a full machine id or its first eight digits; `nil` when any machine will do.
    package var machineID: String?
    /// `MachineOf=`: the units that must be on the same machine, all of them.
    package var machineOf: [UnitName]
    /// `MachineMetadata=`.
    package var metadata: MetadataRule
    /// `Conflicts=`: the unit shares no machine with a unit whose name matches; enforced both ways.
    package var conflicts: [Glob]
    /// `Replaces=`: a unit whose name matches goes to another machine when this one comes.
    package var replaces: [Glob]
    /// `Ports=`: the unit shares no machine with a unit that asks for one of them, too; each once, in rising order.
    package var ports: [Port]
    /// `Global=`: the unit runs on every machine that its metadata, conflicts and ports allow.
    package var isGlobal: Bool
    /// `OnDisconnect=`.
    package var onDisconnect: OnDisconnect
    /// `RunAgain=`: a oneshot that has done its work does it again on each machine that it comes to.
    package var runsAgain: Bool

    package init(
        machineID: String? = nil, machineOf: [UnitName] = [], metadata: MetadataRule = .any, conflicts: [Glob] = [],
        replaces: [Glob] = [], ports: [Port] = [], isGlobal: Bool = false, onDisconnect: OnDisconnect = .fence,
        runsAgain: Bool = false
    ) {
        self.machineID = machineID
        self.machineOf = machineOf
        self.metadata = metadata
        self.conflicts = conflicts
        self.replaces = replaces
        self.ports = ports
        self.isGlobal = isGlobal
        self.onDisconnect = onDisconnect
        self.runsAgain = runsAgain
    }

    /// Reads what is already stored, as fleet does: what it does not understand it drops.
    ///
    /// Specifiers are expanded for `name`. Files from users go through `validate(_:for:)` first.
    package init(of file: UnitFile, for name: UnitName) {
        self.init(SchedulingValues(of: file, for: name))
    }

    init(_ values: SchedulingValues) {
        // The first value counts, and a modern spelling before an old one.
        let ids = values[.machineID] + values[.oldMachineID] + values[.oldMachineBootID]
        self.machineID = ids.first
        self.machineOf = values.words(.machineOf).map { UnitName(unchecked: $0) }
        self.metadata = MetadataRule(pairs: values.all(.machineMetadata).compactMap(Self.pair))
        self.conflicts = values.words(.conflicts).map { Glob($0) }
        self.replaces = values.words(.replaces).map { Glob($0) }
        self.ports = values.ports
        self.isGlobal = values[.global].last.flatMap(Self.truth) ?? false
        self.onDisconnect = values[.onDisconnect].last.flatMap { OnDisconnect(rawValue: $0) } ?? .fence
        self.runsAgain = values[.runAgain].last.flatMap(Self.truth) ?? false
    }

    /// Whether `MachineID=` allows `machine`.
    package func accepts(_ machine: MachineID) -> Bool {
        machineID.map { $0 == machine.rawValue || $0 == machine.short } ?? true
    }

    /// Whether this unit's `Conflicts=` names `other`, by which the two may not share a machine.
    package func conflicts(with other: UnitName) -> Bool { conflicts.contains { $0.matches(other) } }

    /// Whether this unit's `Replaces=` names `other`.
    package func replaces(_ other: UnitName) -> Bool { replaces.contains { $0.matches(other) } }

    /// A `MachineMetadata=` pair: exactly one `=`, something on both sides, nothing trimmed; else `nil`.
    static func pair(_ text: String) -> (String, String)? {
        let sides = text.utf8.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
        guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else { return nil }
        return (String(Substring(sides[0])), String(Substring(sides[1])))
    }

    /// fleet's words for true in any case, and their opposites; `nil` for anything else, which fleet takes as false.
    static func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "1", "on", "t": true
        case "false", "no", "0", "off", "f": false
        default: nil
        }
    }
}
