// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What one machine reports of one unit: one entry under `states/`, under the machine's session.
///
/// The entry is written *before* the machine touches systemd for the unit and deleted only after the unit is stopped, so
/// "no entry from a live machine" proves "not running there" (rule R1).
package struct UnitState: Hashable, Sendable {
    package var machine: MachineID
    package var unit: UnitName
    /// systemd's LoadState, such as `loaded`, `not-found`, `masked`, `error`; empty until systemd was asked.
    package var load: String
    /// systemd's ActiveState, such as `active`, `inactive`, `failed`, `activating`; empty until systemd was asked.
    package var active: String
    /// systemd's SubState, such as `running`, `dead`, `exited`; empty until systemd was asked.
    package var sub: String
    /// The file that is in force on the machine.
    package var hash: ContentHash
    /// The target state that the machine has acted on.
    ///
    /// `launched` once systemd has shown, or said, that it started the unit; what the unit did then is in `active`. While
    /// systemd starts nothing it stays `loaded`, and `health` says why.
    package var acted: TargetState
    /// The `restarts` number that the machine last acted on.
    package var restarts: Int
    /// Why the machine could not do what it was ordered, or what systemd said of the last start; `nil` when all went as ordered.
    ///
    /// Begins with `queuedWord` when systemd has the start in its queue and nothing is wrong.
    package var health: String?
    /// When the unit entered this ACTIVE state, in milliseconds since 1970 by the machine's clock; 0 when unknown.
    package var since: Int64
    /// How often systemd has started the unit again by itself since it was last ordered to start.
    package var automaticRestarts: Int

    /// With this word `health` begins when a start waits for other jobs of the machine.
    package static let queuedWord = "queued"
    /// How `health` begins when it says how the last run ended.
    package static let failedWord = "failed: "
    /// What `health` says of a unit that was up again when its stop was done.
    package static let revivedWords = "systemd has stopped it, but it runs again"

    package init(
        machine: MachineID, unit: UnitName, load: String = "", active: String = "", sub: String = "",
        hash: ContentHash, acted: TargetState = .inactive, restarts: Int = 0, health: String? = nil, since: Int64 = 0,
        automaticRestarts: Int = 0
    ) {
        self.machine = machine
        self.unit = unit
        self.load = load
        self.active = active
        self.sub = sub
        self.hash = hash
        self.acted = acted
        self.restarts = restarts
        self.health = health
        self.since = since
        self.automaticRestarts = automaticRestarts
    }

    /// Whether the machine has done what it can about `target` for now: it has acted on it, or says why it could not.
    package func isSettled(for target: TargetState) -> Bool {
        Self.isSettled(for: target, acted: acted, active: active, sub: sub, health: health)
    }

    /// The same of what is known of a state.
    package static func isSettled(
        for target: TargetState, acted: TargetState, active: String, sub: String, health: String?
    ) -> Bool {
        guard acted >= target else { return health != nil }
        return active != "activating" || sub == "auto-restart"
    }
}
