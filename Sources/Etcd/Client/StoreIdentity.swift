// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

/// Notices that the store which answers is not the one that answered before.
///
/// Two signs. The cluster id differs; but an etcd that starts again with an empty folder and the same flags gets the same id, since
/// etcd computes it from the flags. Then its history is shorter: a linearizable answer never shows a lower revision than
/// one that was known before the request was sent.
final class StoreIdentity: Sendable {
    private struct State {
        var clusterID: UInt64?
        var revision: Int64 = 0
        /// Why the store that answered last is not the one; a linearizable answer of the right one ends it.
        var problem: EtcdError?
        /// When the newest question was asked that only a store with a leader answers, and that it answered.
        var lastConfirmation: ContinuousClock.Instant?
    }

    private let state: Locked<State>

    init(expectedClusterID: UInt64?, expectedRevision: Int64 = 0) {
        state = Locked(State(clusterID: expectedClusterID, revision: expectedRevision))
    }

    var clusterID: UInt64? { state.withLock { $0.clusterID } }

    /// The newest revision known: an answer to a request sent from now on must not show less.
    var revision: Int64 { state.withLock { $0.revision } }

    /// Why nothing may be written now: what answered last was another store.
    var problem: EtcdError? { state.withLock { $0.problem } }

    /// When the store was last known to be there, by any client that shares this.
    var lastConfirmation: ContinuousClock.Instant? { state.withLock { $0.lastConfirmation } }

    /// Takes note that the store has answered a question that only one with a leader answers.
    ///
    /// - Parameter asked: When it was asked; of no later moment does the answer prove anything.
    func confirmed(_ asked: ContinuousClock.Instant) {
        state.withLock { $0.lastConfirmation = max($0.lastConfirmation ?? asked, asked) }
    }

    /// Takes note of a revision that a watch has shown.
    func saw(_ revision: Int64) { state.withLock { $0.revision = max($0.revision, revision) } }

    /// Takes note of an answer.
    ///
    /// - Parameters:
    ///   - header: What the answer says of the store.
    ///   - floor: `revision` as it was before the request was sent; `nil` when the member may answer from old knowledge.
    ///   - endpoint: Where it came from.
    ///   - mayHaveHappened: What the error shall say.
    /// - Throws: `.storeReplaced`.
    func check(
        _ header: AnswerHeader, floor: Int64?, endpoint: String, mayHaveHappened: Bool
    ) throws(EtcdError) {
        let problem = state.withLock { state -> String? in
            if header.clusterID != 0 {
                if let known = state.clusterID, known != header.clusterID {
                    return "belongs to cluster \(hex(header.clusterID)), not to \(hex(known))"
                }
                state.clusterID = header.clusterID
            }
            if let floor, header.revision < floor {
                return "has only reached revision \(header.revision), where \(floor) had been seen"
            }
            if floor != nil {
                state.revision = max(state.revision, header.revision)
                state.problem = nil
            }
            return nil
        }
        guard let problem else { return }
        var error = EtcdError(
            code: .storeReplaced,
            message: "the etcd at \(endpoint) is not the store that was used before: it \(problem); "
                + "bring that store back, or have all machines join this one by 'cluster-manager cluster adopt'",
            isTransient: false, mayHaveHappened: false)
        state.withLock { $0.problem = error }
        error.mayHaveHappened = mayHaveHappened
        throw error
    }
}

private func hex(_ id: UInt64) -> String { String(id, radix: 16) }
