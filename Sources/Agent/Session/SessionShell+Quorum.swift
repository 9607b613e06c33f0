// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Timing

/// The proof that no session ends, by this machine's own questions and by its peers' (rule R4).
extension SessionShell {
    func askForQuorum() async {
        let asked = clockwork.now
        let question = QuorumQuestion(etcd: etcd, memberCount: saved.memberCount ?? 0)
        let count = question.count
        await question.ask { [inbox] answer, member in
            inbox.yield(.memberAnswered(answer, member: member, count: count, asked: asked))
        }
    }

    /// Has peers renew the lease, or tell of a proof: rule R4.
    func askPeers(_ lease: SessionLease) async {
        defer { isAskingPeers = false }
        guard case .held(_, let proof, _) = core.phase else { return }
        let sent = clockwork.now
        let session = SessionInNeed(
            lease: "\(LeaseID(lease.id))", proofAge: sent.since(proof), store: storeDescription)
        switch await peers.renew(session, within: core.timing.attemptTimeout * 2) {
        case .renewed: answer(.relayed(sent: sent), about: lease)
        case .noQuorum(let age):
            answer(.proofOfPeer(SessionTiming.moment(ofProofAged: age, askedAt: sent)), about: lease)
        case .nothing: break
        }
    }

    /// The store and the members that are asked for a proof; `nil` until it has answered.
    ///
    /// A machine that knows other members, or fewer, than another takes for a proof what is none to that one.
    private var storeDescription: String? {
        guard let id = etcd.knownClusterID else { return nil }
        let question = QuorumQuestion(etcd: etcd, memberCount: saved.memberCount ?? 0)
        return ([String(id, radix: 16), "\(question.count)"] + etcd.memberURLs.sorted()).joined(separator: " ")
    }

    /// How old the newest proof is by which a peer may go.
    ///
    /// - Parameter store: What the peer's session is with, as it describes it.
    /// - Returns: `nil` when there is none, or not of that store and just those members.
    package func noQuorumAge(of store: String) -> Duration? {
        guard let moment = core.noQuorum, core.currentLease != nil, storeDescription == store else { return nil }
        return clockwork.now.since(moment)
    }
}
