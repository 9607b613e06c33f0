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

    func renew(
        _ session: SessionInNeed, of machine: MachineID, at address: String, within deadline: Duration
    ) async -> PeerAnswer {
        let renewal = API.Renewal(
            lease: session.lease, proofAge: Int(session.proofAge / .milliseconds(1)), store: session.store)
        guard let client = client(at: address, deadline),
            let answer = try? await client.renew(renewal, of: machine.rawValue)
        else { return .nothing }
        if answer.ttl > 0 { return .renewed }
        // One that is of no use must not be taken for an answer: another peer may renew.
        guard let age = answer.noQuorumAge, age >= 0,
            SessionTiming.helps(proofAged: .milliseconds(age), against: session.proofAge)
        else { return .nothing }
        return .noQuorum(age: .milliseconds(age))
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
