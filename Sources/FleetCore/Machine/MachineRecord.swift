// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a live machine says of itself; it lives in the store under the machine's session and vanishes with it.
package struct MachineRecord: Hashable, Sendable {
    package var id: MachineID
    /// Host name, for people.
    package var name: String
    /// The address at which other machines and users reach it (`FLOTILLA_PUBLIC_IP`); no port.
    package var address: String
    /// Labels that `MachineMetadata=` selects by.
    package var metadata: [String: String]
    package var capacity: MachineCapacity
    /// Version of the agent.
    package var version: String
    /// Where the machine's own HTTP API answers, in the form `tcp:ADDRESS:PORT`, when it answers on the network.
    package var apiAddress: String?
    /// The kernel's boot id: a record with another one was written before the machine's last boot.
    package var bootID: String
    /// Random text made once per boot and data folder; tells this machine's record from that of an impostor or clone.
    package var token: String
    /// What is wrong with the machine and what to do about it, in one line for people; empty when nothing is.
    package var trouble: String
    /// Because of its trouble the machine takes no new units; those that it has it keeps.
    package var isClosed: Bool

    package init(
        id: MachineID, name: String, address: String, metadata: [String: String] = [:],
        capacity: MachineCapacity = .unknown, version: String = "", apiAddress: String? = nil, bootID: String = "",
        token: String = "", trouble: String = "", isClosed: Bool = false
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.metadata = metadata
        self.capacity = capacity
        self.version = version
        self.apiAddress = apiAddress
        self.bootID = bootID
        self.token = token
        self.trouble = trouble
        self.isClosed = isClosed
    }
}

/// What a machine has to offer.
package struct MachineCapacity: Hashable, Sendable {
    /// Number of processors that are online; 0 when unknown.
    package var processors: Int
    /// Main memory in bytes; 0 when unknown.
    package var memory: Int64

    package init(processors: Int, memory: Int64) {
        self.processors = processors
        self.memory = memory
    }

    package static let unknown = MachineCapacity(processors: 0, memory: 0)
}
