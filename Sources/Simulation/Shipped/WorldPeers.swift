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
/// Mirrors `PeerRoutes.swift`.
final class WorldPeers: PeerCaller, @unchecked Sendable {
    private let process: HostProcess
    private let clockwork: WorldClockwork
    private var world: World { process.world }

    init(process: HostProcess, clockwork: WorldClockwork) {
        self.process = process
        self.clockwork = clockwork
    }

    /// Whether the machine is cut off from everybody: one that only etcd is out of reach for stays in the cluster, by its peers' help.
    private var isAlone: Bool {
        guard [.singleFailure, .massLoss].contains(world.setting.profile) else { return false }
        let host = process.host.index
        return world.etcd.members.indices.allSatisfy { member in
            NetworkModel.Direction.allCases.allSatisfy { world.network.isCut(host, member, $0) }
        }
    }

    func canCall(_ address: String?) -> Bool { address != nil }

    func renew(
        _ session: SessionInNeed, of machine: MachineID, at address: String, within deadline: Duration
    ) async -> PeerAnswer {
        await ask(address, within: deadline) { other in
            if let answer = await Self.proof(for: session, by: other) { return answer }
            guard let registry = other.registry, let bits = UInt64(session.lease, radix: 16) else { return .nothing }
            let lease = LeaseID(Int64(bitPattern: bits))
            let isOwn = (try? await registry.session(of: machine)) == lease
            let ttl = isOwn ? (try? await registry.renew(lease)) ?? 0 : 0
            if ttl > 0 { return .renewed }
            // A store that does not answer that machine either may be one of which it has heard meanwhile that it was down.
            return await Self.proof(for: session, by: other) ?? .nothing
        } ?? .nothing
    }

    /// Tells of a proof that is younger than the machine's own.
    private static func proof(for session: SessionInNeed, by other: ShippedProcess) async -> PeerAnswer? {
        guard let store = session.store, let age = await other.session?.noQuorumAge(of: store),
            SessionTiming.helps(proofAged: age, against: session.proofAge)
        else { return nil }
        // Rounded up: a proof may be taken for older than it is, and never for younger.
        return .noQuorum(age: .milliseconds(Int(age / .milliseconds(1)) + 1))
    }

    func resign(_ leadership: Leadership, at address: String, within deadline: Duration) async -> Bool {
        await ask(address, within: deadline) { other in
            guard let registry = other.registry else { return false }
            let leader = try? await registry.currentLeader()
            guard leader == leadership else { return true }
            return (try? await registry.resign(leadership)) != nil
        } ?? false
    }

    /// Asks one machine; `nil` when it does not answer in time.
    private func ask<Answer: Sendable>(
        _ address: String, within deadline: Duration, _ question: @escaping @Sendable (ShippedProcess) async -> Answer
    ) async -> Answer? {
        let awaited = Awaited<Answer?>()
        world.peerNetwork.send { [self] in
            guard !isAlone, let index = Int(address), let other = world.hosts[index].process as? ShippedProcess else {
                return
            }
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
