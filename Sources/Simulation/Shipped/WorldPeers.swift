// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetCore
import Logging
import Registry
import Timing

/// Calls other machines over the paths between them; what they answer is theirs to tell by the shells that ship.
///
/// Mirrors `PeerRoutes.swift`, but for relayed renewals.
final class WorldPeers: PeerCaller, @unchecked Sendable {
    private let process: HostProcess
    private let clockwork: WorldClockwork
    private var world: World { process.world }

    init(process: HostProcess, clockwork: WorldClockwork) {
        self.process = process
        self.clockwork = clockwork
    }

    func canCall(_ address: String?) -> Bool { address != nil }

    func renew(
        _ session: SessionInNeed, of machine: MachineID, at address: String, within deadline: Duration
    ) async -> PeerAnswer {
        guard let store = session.store else { return .nothing }
        let age = await ask(address, within: deadline) { other in
            await other.session?.noQuorumAge(of: store)
        }
        guard let age, SessionTiming.helps(proofAged: age, against: session.proofAge) else { return .nothing }
        // Rounded up: a proof may be taken for older than it is, and never for younger.
        return .noQuorum(age: .milliseconds(Int(age / .milliseconds(1)) + 1))
    }

    func resign(_ leadership: Leadership, at address: String, within deadline: Duration) async -> Bool { false }

    /// Asks one machine; `nil` when it does not answer in time, or has nothing to say.
    private func ask(
        _ address: String, within deadline: Duration,
        _ question: @escaping @Sendable (ShippedProcess) async -> Duration?
    ) async -> Duration? {
        let awaited = Awaited<Duration?>()
        world.peerNetwork.send { [self] in
            guard let index = Int(address), let other = world.hosts[index].process as? ShippedProcess else { return }
            other.enter { [self] in
                other.own.spawn { [self] in
                    let found = await question(other)
                    world.peerNetwork.send { [self] in process.enter { awaited.give(found) } }
                }
            }
        }
        process.after(deadline.nanoseconds) { awaited.give(nil) }
        return await awaited.value(cancelled: nil)
    }
}

/// What the shells log, in the story.
struct StoryLogHandler: LogHandler, @unchecked Sendable {
    private unowned let host: Host
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    init(_ host: Host) { self.host = host }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        host.world.note {
            let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            return "\(host.name): log: \(event.message)" + fields.joined()
        }
    }
}
