// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import HTTPTransport

/// The journal of another machine, asked of that machine's agent.
struct RemoteJournal: JournalSource {
    /// How long the other agent has until it begins to answer, and how long it may be silent then: it sends an empty line
    /// every 15 seconds.
    private static let deadline = Duration.seconds(10)
    private static let silence = Duration.seconds(45)

    private let machine: MachineID
    private let client: FleetClient

    /// Gives `nil` for a machine whose agent serves nothing that may be called.
    ///
    /// - Parameters:
    ///   - record: The machine.
    ///   - tls: What this machine proves itself with.
    init?(_ record: MachineRecord, tls: TLSSettings?) {
        guard let endpoint = PeerEndpoint.read(record.apiAddress, isSecured: tls != nil) else { return nil }
        machine = record.id
        client = FleetClient(
            endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: tls, silence: Self.silence),
            deadline: Self.deadline)
    }

    func items(_ query: API.JournalQuery) async throws -> AsyncThrowingStream<[API.JournalItem], any Error> {
        try await client.journal(ofMachine: machine.rawValue, query)
    }
}
