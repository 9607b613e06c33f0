// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// What one machine's systemd says of one unit.
    package struct UnitState: Codable, Hashable, Sendable {
        package var name: String
        /// Hash of the file in force on the machine: 40 hexadecimal digits, since fleet's client cuts it unchecked.
        package var hash: String
        package var machineID: String
        package var systemdLoadState: String
        package var systemdActiveState: String
        package var systemdSubState: String
        /// When the unit entered this ACTIVE state, in milliseconds since 1970 by the machine's clock; 0 when unknown.
        package var since: Int64
        /// Why the machine could not do what it was ordered, or what systemd said of the last start; absent when all is well.
        package var health: String?
        /// What the machine has acted on, when that is not `launched`: systemd has not shown or said that it started the unit.
        package var acted: String?
        /// The number of `Unit.restarts` that the machine has acted on.
        package var restarts: Int
        /// How often systemd has started the unit again by itself since it was last ordered to start.
        package var automaticRestarts: Int

        package init(
            name: String = "", hash: String = "", machineID: String = "", systemdLoadState: String = "",
            systemdActiveState: String = "", systemdSubState: String = "", since: Int64 = 0, health: String? = nil,
            acted: String? = nil, restarts: Int = 0, automaticRestarts: Int = 0
        ) {
            self.name = name
            self.hash = hash
            self.machineID = machineID
            self.systemdLoadState = systemdLoadState
            self.systemdActiveState = systemdActiveState
            self.systemdSubState = systemdSubState
            self.since = since
            self.health = health
            self.acted = acted
            self.restarts = restarts
            self.automaticRestarts = automaticRestarts
        }

        private enum CodingKeys: String, CodingKey {
            case name
            case hash
            case machineID
            case systemdLoadState
            case systemdActiveState
            case systemdSubState
            case since
            case health
            case acted
            case restarts
            case automaticRestarts
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.name = try fields.decodeText(.name)
            self.hash = try fields.decodeText(.hash)
            self.machineID = try fields.decodeText(.machineID)
            self.systemdLoadState = try fields.decodeText(.systemdLoadState)
            self.systemdActiveState = try fields.decodeText(.systemdActiveState)
            self.systemdSubState = try fields.decodeText(.systemdSubState)
            self.since = try fields.decodeIfPresent(Int64.self, forKey: .since) ?? 0
            self.health = try fields.decodeOptionalText(.health)
            self.acted = try fields.decodeOptionalText(.acted)
            self.restarts = try fields.decodeIfPresent(Int.self, forKey: .restarts) ?? 0
            self.automaticRestarts = try fields.decodeIfPresent(Int.self, forKey: .automaticRestarts) ?? 0
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(name, forKey: .name)
            try fields.encodeUnlessEmpty(hash, forKey: .hash)
            try fields.encodeUnlessEmpty(machineID, forKey: .machineID)
            try fields.encodeUnlessEmpty(systemdLoadState, forKey: .systemdLoadState)
            try fields.encodeUnlessEmpty(systemdActiveState, forKey: .systemdActiveState)
            try fields.encodeUnlessEmpty(systemdSubState, forKey: .systemdSubState)
            try fields.encodeUnlessZero(since, forKey: .since)
            try fields.encodeUnlessEmpty(health, forKey: .health)
            try fields.encodeUnlessEmpty(acted, forKey: .acted)
            try fields.encodeUnlessZero(restarts, forKey: .restarts)
            try fields.encodeUnlessZero(automaticRestarts, forKey: .automaticRestarts)
        }
    }
}
