// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// A machine that is alive.
    package struct Machine: Codable, Hashable, Sendable {
        package var id: String
        /// The address at which the machine is reached; no port.
        package var primaryIP: String
        package var metadata: [String: String]
        /// Host name, for people.
        package var name: String?
        /// Version of its agent.
        package var version: String?
        package var capacity: Capacity?
        /// Where its own API answers, as an endpoint such as `tcp:10.0.0.5:49153`, when it answers on the network.
        package var apiAddress: String?
        /// What is wrong with it and what to do, in one line; missing when nothing is.
        package var trouble: String?
        /// `true` while an operator keeps new units off it; left out otherwise.
        package var cordoned: Bool?
        /// `true` while its trouble keeps new units off it; left out otherwise.
        package var closed: Bool?

        package init(
            id: String, primaryIP: String = "", metadata: [String: String] = [:], name: String? = nil,
            version: String? = nil, capacity: Capacity? = nil, apiAddress: String? = nil, trouble: String? = nil,
            cordoned: Bool? = nil, closed: Bool? = nil
        ) {
            self.id = id
            self.primaryIP = primaryIP
            self.metadata = metadata
            self.name = name
            self.version = version
            self.capacity = capacity
            self.apiAddress = apiAddress
            self.trouble = trouble
            self.cordoned = cordoned
            self.closed = closed
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case primaryIP
            case metadata
            case name
            case version
            case capacity
            case apiAddress
            case trouble
            case cordoned
            case closed
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            self.id = try fields.decodeText(.id)
            self.primaryIP = try fields.decodeText(.primaryIP)
            self.metadata = try fields.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:]
            self.name = try fields.decodeOptionalText(.name)
            self.version = try fields.decodeOptionalText(.version)
            self.capacity = try fields.decodeIfPresent(Capacity.self, forKey: .capacity)
            self.apiAddress = try fields.decodeOptionalText(.apiAddress)
            self.trouble = try fields.decodeOptionalText(.trouble)
            self.cordoned = try fields.decodeIfPresent(Bool.self, forKey: .cordoned)
            self.closed = try fields.decodeIfPresent(Bool.self, forKey: .closed)
        }

        package func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeUnlessEmpty(id, forKey: .id)
            try fields.encodeUnlessEmpty(primaryIP, forKey: .primaryIP)
            if !metadata.isEmpty { try fields.encode(metadata, forKey: .metadata) }
            try fields.encodeUnlessEmpty(name, forKey: .name)
            try fields.encodeUnlessEmpty(version, forKey: .version)
            try fields.encodeIfPresent(capacity, forKey: .capacity)
            try fields.encodeUnlessEmpty(apiAddress, forKey: .apiAddress)
            try fields.encodeUnlessEmpty(trouble, forKey: .trouble)
            try fields.encodeIfPresent(cordoned, forKey: .cordoned)
            try fields.encodeIfPresent(closed, forKey: .closed)
        }
    }

    /// What a machine has to offer.
    package struct Capacity: Codable, Hashable, Sendable {
        /// Number of processors that are online.
        package var processors: Int
        /// Main memory in bytes.
        package var memory: Int64

        package init(processors: Int, memory: Int64) {
            self.processors = processors
            self.memory = memory
        }
    }
}
