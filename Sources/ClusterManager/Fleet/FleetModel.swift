// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// A unit as the cluster's API describes it.
package struct FleetUnit: Hashable, Sendable {
    package var name: UnitName
    /// What the unit runs, under the hash that the cluster has for it; in listings without its comments, which only a request
    /// for one unit brings.
    package var file: UnitFile
    /// What the user wants.
    package var desired: TargetState
    /// What was issued to systemd; `nil` for a global unit, which has one such state per machine.
    package var current: TargetState?
    /// Id of the machine the unit is assigned to; `nil` while it has none.
    package var machine: String?
    /// Why the unit has no machine, in the engine's words; `nil` when nothing stands in its way.
    package var reason: String?
    /// How often a user has asked for a restart.
    package var restarts: Int
    /// Whether every eligible machine runs a copy.
    package let isGlobal: Bool

    package init(
        name: UnitName, file: UnitFile, desired: TargetState, current: TargetState? = .inactive,
        machine: String? = nil, reason: String? = nil, restarts: Int = 0
    ) {
        self.name = name
        self.file = file
        self.desired = desired
        self.current = current
        self.machine = machine
        self.reason = reason
        self.restarts = restarts
        self.isGlobal = SchedulingOptions(of: file, for: name).isGlobal
    }

    /// Whether it is a service that systemd starts for it to end.
    var isOneshot: Bool {
        name.type == .service && file.effectiveValues(section: "Service", name: "Type").last == "oneshot"
    }

    /// Hash of the file as written, comments included, 40 hexadecimal digits.
    package var hash: String { file.hash.rawValue }
}

/// What one machine's systemd says of one unit, as the cluster's API passes it on.
package struct FleetUnitState: Hashable, Sendable {
    package var name: UnitName
    package var machine: String
    package var hash: String
    /// systemd's LoadState; empty until systemd was asked.
    package var load: String
    /// systemd's ActiveState; empty until systemd was asked.
    package var active: String
    /// systemd's SubState; empty until systemd was asked.
    package var sub: String
    /// When the unit entered this ACTIVE state: milliseconds since 1970 by its machine's clock; 0 when unknown.
    package var since: Int64
    /// Why the machine could not do what it was ordered, or what systemd said of the last start; `nil` when all is well.
    package var health: String?
    /// What the machine has acted on; `nil` when the answer does not tell, and the unit's `current` does.
    package var acted: TargetState?
    /// The number of restarts that the machine has acted on.
    package var restarts: Int
    /// How often systemd has started the unit again by itself since it was last ordered to start.
    package var automaticRestarts: Int

    package init(
        name: UnitName, machine: String, hash: String = "", load: String = "loaded", active: String, sub: String,
        since: Int64 = 0, health: String? = nil, acted: TargetState? = nil, restarts: Int = 0,
        automaticRestarts: Int = 0
    ) {
        self.name = name
        self.machine = machine
        self.hash = hash
        self.load = load
        self.active = active
        self.sub = sub
        self.since = since
        self.health = health
        self.acted = acted
        self.restarts = restarts
        self.automaticRestarts = automaticRestarts
    }

    /// The unit neither runs nor starts nor stops; one that could not be installed has no ACTIVE state at all.
    package var isDown: Bool { active.isEmpty || active == "inactive" || active == "failed" }

    /// Words of `health`, of which a start that failed has others than a run that failed, in one wording.
    static func worded(_ health: String) -> String {
        // It goes on with a colon and the cause, or with a semicolon and where to look for it.
        let isOfStart = ["start failed: ", "start failed; "].contains { health.hasPrefix($0) }
        return isOfStart ? UnitState.failedWord + String(health.dropFirst("start failed: ".count)) : health
    }

    /// What stands in `health` beside the word that the unit failed.
    static func cause(_ health: String) -> String {
        let words = worded(health)
        return words.hasPrefix(UnitState.failedWord) ? String(words.dropFirst(UnitState.failedWord.count)) : words
    }

    /// Whether words of `health` tell how a run ended, and so nothing of an order that comes after it.
    static func isOfRun(_ health: String) -> Bool {
        [UnitState.failedWord, "failed on machine", "start failed"].contains { health.hasPrefix($0) }
    }

    /// Whether words of `health` tell why the unit was not started, or not yet, and so nothing of how it ends.
    static func isOfStart(_ health: String) -> Bool {
        [notStarted, UnitState.queuedWord].contains { health.hasPrefix($0) }
    }

    /// Whether words of `health` tell that systemd took the start for done, since a condition of the unit is not met.
    static func isOfCondition(_ health: String) -> Bool {
        let reason = "\(notStarted), since "
        guard health.hasPrefix(reason) else { return false }
        let setting = health.dropFirst(reason.count)
        return ["Condition", "one of Condition", "ExecCondition="].contains { setting.hasPrefix($0) }
    }

    private static let notStarted = "not started"
}

/// A machine of the cluster that is alive.
package struct FleetMachine: Hashable, Sendable {
    package var id: String
    package var address: String
    package var metadata: [String: String]
    /// Its host name; empty where nobody has said it.
    package var name: String
    /// Whether an operator keeps new units off it.
    package var isCordoned: Bool
    /// What is wrong with it and what to do, in the machine's words; empty when nothing is.
    package var trouble: String
    /// Whether its trouble keeps new units off it.
    package var isClosed: Bool

    package init(
        id: String, address: String, metadata: [String: String] = [:], name: String = "", isCordoned: Bool = false,
        trouble: String = "", isClosed: Bool = false
    ) {
        self.isClosed = isClosed
        self.isCordoned = isCordoned
        self.trouble = trouble
        self.id = id
        self.address = address
        self.metadata = metadata
        self.name = name
    }

    /// How answers to an order name the machine: `worker-2 (19feb34b)`.
    package var label: String { Self.label(id: id, name: name) }

    package static func label(id: String, name: String) -> String {
        name.isEmpty ? String(id.prefix(8)) : "\(name) (\(id.prefix(8)))"
    }
}

/// What the engine says of a unit's place.
package struct FleetExplanation: Hashable, Sendable {
    package var desired: String
    package var current: String
    /// Where the unit is assigned: at most one machine, unless it is global.
    package var machines: [String]
    /// For a unit on no machine: what each rule refused, in the engine's words.
    package var reasons: [String]

    package init(desired: String, current: String, machines: [String], reasons: [String]) {
        self.desired = desired
        self.current = current
        self.machines = machines
        self.reasons = reasons
    }
}

/// A change of one key of a machine's metadata.
package enum MetadataEdit: Hashable, Sendable {
    case set(key: String, value: String)
    /// Takes the key away, also one that the machine's own configuration gives.
    case delete(key: String)
}

/// One change of the cluster, in the order in which it happened.
///
/// A stream of these begins with the present state, told as changes and closed by `synchronised`.
package enum FleetEvent: Hashable, Sendable {
    case unit(FleetUnit)
    case unitGone(UnitName)
    case state(FleetUnitState)
    case stateGone(UnitName, machine: String)
    case machine(FleetMachine)
    case machineGone(String)
    /// What came before was the present state; changes follow.
    case synchronised
}
