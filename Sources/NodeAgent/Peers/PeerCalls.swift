// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetAPI
import FleetAPIClient
import FleetCore
import HTTPTransport

/// Calls other machines by their API, with this machine's certificate.
struct PeerCalls: PeerCaller {
    /// What this machine proves itself with.
    let tls: TLSSettings

    func canCall(_ address: String?) -> Bool { PeerEndpoint.read(address, isSecured: true) != nil }

    func renew(_ lease: String, of machine: MachineID, at address: String, within deadline: Duration) async -> Bool {
        guard let client = client(at: address, deadline) else { return false }
        return ((try? await client.renew(lease: lease, of: machine.rawValue)) ?? 0) > 0
    }

    func resign(_ leadership: Leadership, at address: String, within deadline: Duration) async -> Bool {
        guard let client = client(at: address, deadline) else { return false }
        return (try? await client.resign(epoch: leadership.epoch, of: leadership.machine.rawValue)) != nil
    }

    private func client(at address: String, _ deadline: Duration) -> FleetClient? {
        guard let endpoint = PeerEndpoint.read(address, isSecured: true) else { return nil }
        return FleetClient(
            endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: tls), deadline: deadline)
    }
}
