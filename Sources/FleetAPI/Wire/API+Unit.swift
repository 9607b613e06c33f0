// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// A unit known to the cluster: what the user asked for and how far it has come.
    package struct Unit: Codable, Hashable, Sendable {
        package var name: String
        /// Every option of the unit's file, in the file's order.
        ///
        /// In a request to change a unit, none means "keep the file".
        package var options: [UnitOption]
        /// What the user wants: `inactive`, `loaded` or `launched`.
        package var desiredState: String?
        /// How far the unit has come; read-only, and left out for one global unit read by name.
        package var currentState: String?
        /// The machine that the unit is assigned to; read-only.
        package var machineID: String?
        /// The file as its author wrote it, comments included.
        ///
        /// An answer carries it only for a single unit, and only where it differs from the text that the options alone
        /// give. A request may carry it in place of `options`.
        package var contents: String?
        /// SHA-1 of the file as written, by which `UnitState.hash` names it too; read-only.
        ///
        /// Left out where it is the one that the options give, so that fleet's own units look as fleet shows them.
        package var hash: String?
        /// How often somebody asked for a restart; read-only.
        package var restarts: Int
        /// Why a unit that should be on a machine is on none; read-only, for a single unit only.
        package var reason: String?

        package init(
            name: String, options: [UnitOption] = [], desiredState: String? = nil, currentState: String? = nil,
            machineID: String? = nil, contents: String? = nil, hash: String? = nil,
            restarts: Int = 0, reason: String? = nil
        ) {
            self.name = name
            self.options = options
            self.desiredState = desiredState
            self.currentState = currentState
            self.machineID = machineID
            self.contents = contents
            self.hash = hash
            self.restarts = restarts
            self.reason = reason
        }

        private enum CodingKeys: String, CodingKey {
            case name
            case options
            case desiredState
            case currentState
            case machineID
            case contents
            case hash
            case restarts
            case reason
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.name = try fields.decodeText(.name)
            self.options = try fields.decodeIfPresent([UnitOption].self, forKey: .options) ?? []
            self.desiredState = try fields.decodeOptionalText(.desiredState)
            self.currentState = try fields.decodeOptionalText(.currentState)
            self.machineID = try fields.decodeOptionalText(.machineID)
            self.contents = try fields.decodeOptionalText(.contents)
            self.hash = try fields.decodeOptionalText(.hash)
            self.restarts = try fields.decodeIfPresent(Int.self, forKey: .restarts) ?? 0
            self.reason = try fields.decodeOptionalText(.reason)
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(name, forKey: .name)
            try fields.encodeUnlessEmpty(options, forKey: .options)
            try fields.encodeUnlessEmpty(desiredState, forKey: .desiredState)
            try fields.encodeUnlessEmpty(currentState, forKey: .currentState)
            try fields.encodeUnlessEmpty(machineID, forKey: .machineID)
            try fields.encodeUnlessEmpty(contents, forKey: .contents)
            try fields.encodeUnlessEmpty(hash, forKey: .hash)
            try fields.encodeUnlessZero(restarts, forKey: .restarts)
            try fields.encodeUnlessEmpty(reason, forKey: .reason)
        }
    }

    /// One line of a unit file: `name=value` under `[section]`.
    package struct UnitOption: Codable, Hashable, Sendable {
        package var section: String
        package var name: String
        package var value: String

        package init(section: String, name: String, value: String) {
            self.section = section
            self.name = name
            self.value = value
        }

        private enum CodingKeys: String, CodingKey {
            case section
            case name
            case value
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.section = try fields.decodeText(.section)
            self.name = try fields.decodeText(.name)
            self.value = try fields.decodeText(.value)
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(section, forKey: .section)
            try fields.encodeUnlessEmpty(name, forKey: .name)
            try fields.encodeUnlessEmpty(value, forKey: .value)
        }
    }
}
