// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How a machine's session is kept alive, and how early the machine gives up when it cannot be.
///
/// Let `s` be the moment at which the last successful renewal was *sent*. The store cannot end the lease before `s + ttl`,
/// however slow anything was. Everything here counts from `s`:
///
/// ```
/// s ------- s + ttl/4 ---------------- fence ----------- kill -- margin -- s + ttl
///           renew, then retry          stop units        SIGKILL           the lease may end
/// ```
package struct SessionTiming: Hashable, Sendable {
    /// Seconds that the lease lives after its last renewal, as the store granted it; at least 1.
    package let ttl: Int

    package init(ttl: Int) { self.ttl = max(1, ttl) }

    package var lifetime: Duration { .seconds(ttl) }

    /// From one successful renewal to the next.
    ///
    /// A quarter, not a third: the member that leads etcd may be lost just before a renewal, the others notice after up to
    /// two seconds of silence, and with the default of 5 s units must not be stopped before that (rule R4).
    package var renewInterval: Duration { lifetime / 4 }

    /// From a failed renewal to the next attempt.
    package var retryInterval: Duration { lifetime / 20 }

    /// How long one attempt may take.
    package var attemptTimeout: Duration { lifetime / 5 }

    /// What is left between the last kill and the end of the lease: for clocks that differ by up to 1 %, and for the time
    /// that killing takes.
    package var margin: Duration { max(lifetime / 10, .milliseconds(300)) }

    /// How long units have to stop by themselves before they are killed.
    package var stopBudget: Duration { lifetime / 5 }

    /// How long a machine stays away that has given its session up: a leader that leads, or another one, plans within that time.
    package var absence: Duration { min(lifetime, .seconds(5)) }

    /// When fenced units must be dead, by SIGKILL if need be.
    package func killMoment(proof: Moment) -> Moment { proof + lifetime - margin }

    /// When stopping them begins.
    package func fenceMoment(proof: Moment) -> Moment { killMoment(proof: proof) - stopBudget }

    /// The moment of a peer's proof by our clock, or one before it.
    ///
    /// The peer looked when the question had left, so its answer may come as late as it likes. Two clocks that differ by up to
    /// 1 % each are allowed for.
    ///
    /// - Parameters:
    ///   - age: How old the proof was when the peer looked.
    ///   - sent: When the question left, by our clock.
    /// - Returns: A moment that is not after the proof's.
    package static func moment(ofProofAged age: Duration, askedAt sent: Moment) -> Moment { sent - allowed(age) }

    /// Whether a peer's proof of that age is of use to who asked for it with one of its own.
    ///
    /// - Parameters:
    ///   - age: How old the proof was when the peer looked.
    ///   - own: How old the asker's own was when the question left.
    /// - Returns: Whether the moment of the peer's proof is later, however the clocks go.
    package static func helps(proofAged age: Duration, against own: Duration) -> Bool { allowed(age) < own }

    private static func allowed(_ age: Duration) -> Duration { age + age / 50 }
}
