// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Asks peers for proofs; mirrors `Peers.swift` and `PeerRoutes.swift` of the node agent, but for relayed renewals.
extension SessionShell {
    /// How many are asked at once.
    private static let askedAtOnce = 3

    func askPeers() {
        guard core.currentLease != nil, core.wantsRelay(at: host.now), !isAskingPeers else { return }
        isAskingPeers = true
        let sent = host.now
        let others = world.hosts[(host.index + 1)...] + world.hosts[..<host.index]
        let count = min(Self.askedAtOnce, others.count)
        let asked = (0..<count).map { others[others.startIndex + (peerTurn + $0) % others.count] }
        peerTurn += count
        for peer in asked {
            world.peerNetwork.send { [self] in
                guard let other = peer.mirror else { return }
                other.enter { [self] in
                    guard let moment = other.session.core.noQuorum else { return }
                    let age = peer.now.since(moment)
                    world.peerNetwork.send { [self] in
                        process.enter { [self] in hear(age, sent: sent) }
                    }
                }
            }
        }
        process.after(2 * core.timing.attemptTimeout.nanoseconds) { [self] in isAskingPeers = false }
    }

    private func hear(_ age: Duration, sent: Moment) {
        let asked = world.isMutant(.lateProof) ? host.now : sent
        send(.proofOfPeer(SessionTiming.moment(ofProofAged: age, askedAt: asked)))
    }
}
