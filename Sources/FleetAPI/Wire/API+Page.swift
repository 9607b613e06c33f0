// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// One page of the units, sorted by name.
    package struct UnitPage: Codable, Hashable, Sendable {
        package var units: [Unit]
        /// What to ask the next page with; `nil` on the last one.
        package var nextPageToken: String?

        package init(units: [Unit], nextPageToken: String? = nil) {
            self.units = units
            self.nextPageToken = nextPageToken
        }

        private enum CodingKeys: String, CodingKey {
            case units
            case nextPageToken
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.units = try fields.decodeIfPresent([Unit].self, forKey: .units) ?? []
            self.nextPageToken = try fields.decodeOptionalText(.nextPageToken)
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(units, forKey: .units)
            try fields.encodeUnlessEmpty(nextPageToken, forKey: .nextPageToken)
        }
    }

    /// One page of the units' states, sorted by unit name, then by machine.
    package struct UnitStatePage: Codable, Hashable, Sendable {
        package var states: [UnitState]
        /// What to ask the next page with, beside the same filters; `nil` on the last one.
        package var nextPageToken: String?

        package init(states: [UnitState], nextPageToken: String? = nil) {
            self.states = states
            self.nextPageToken = nextPageToken
        }

        private enum CodingKeys: String, CodingKey {
            case states
            case nextPageToken
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.states = try fields.decodeIfPresent([UnitState].self, forKey: .states) ?? []
            self.nextPageToken = try fields.decodeOptionalText(.nextPageToken)
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(states, forKey: .states)
            try fields.encodeUnlessEmpty(nextPageToken, forKey: .nextPageToken)
        }
    }

    /// One page of the machines, sorted by id.
    package struct MachinePage: Codable, Hashable, Sendable {
        package var machines: [Machine]
        /// What to ask the next page with; `nil` on the last one.
        package var nextPageToken: String?

        package init(machines: [Machine], nextPageToken: String? = nil) {
            self.machines = machines
            self.nextPageToken = nextPageToken
        }

        private enum CodingKeys: String, CodingKey {
            case machines
            case nextPageToken
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.machines = try fields.decodeIfPresent([Machine].self, forKey: .machines) ?? []
            self.nextPageToken = try fields.decodeOptionalText(.nextPageToken)
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(machines, forKey: .machines)
            try fields.encodeUnlessEmpty(nextPageToken, forKey: .nextPageToken)
        }
    }
}
