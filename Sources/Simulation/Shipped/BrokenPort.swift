// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Timing

/// A port of the shells that ship that does not do what it promises: a mutant of a history in which they run.
package enum BrokenPort: String, Sendable, CaseIterable {
    /// The guard beside the agent never fires.
    case deafGuard
    /// The store says that claims were granted which were lost.
    case lostClaimsGranted
    /// The clock of a machine stands still from its agent's tenth second on.
    case stillClock
    /// The unit folder names no unit that has to be dead before the session may end.
    case emptyFence
    /// Watches lose one batch of changes in sixteen.
    case lossyWatch
    /// Transactions of a leader do not compare its epoch.
    case unguardedLeader
}

/// A machine's clock that stands still after a while; pauses still end.
final class StillClockwork: Clockwork, @unchecked Sendable {
    private let own: WorldClockwork
    private let last: Moment

    private static let goodSpan = Duration.seconds(10)

    init(_ own: WorldClockwork) {
        self.own = own
        last = own.now + Self.goodSpan
    }

    var now: Moment { min(own.now, last) }
    var wallMilliseconds: Int64 { own.wallMilliseconds }
    var executor: (any TaskExecutor)? { own }
    func random() -> UInt64 { own.random() }
    func sleep(for span: Duration, tolerance: Duration?) async throws {
        try await own.sleep(for: span, tolerance: tolerance)
    }
}

extension Transaction {
    private static let keys = RegistryKeys(cluster: .default)

    /// The same without a word of who leads, unless it is about that.
    var withoutLeader: Transaction {
        var changed = self
        changed.comparisons.removeAll { comparison in
            guard comparison.key == Self.keys.leader, case .createRevision(let epoch) = comparison.operand else {
                return false
            }
            return epoch > 0
        }
        return changed
    }

    /// Whether it claims units for a machine.
    var isClaim: Bool {
        !comparisons.isEmpty
            && then.contains {
                guard case .put(let key, _, _) = $0 else { return false }
                return Self.keys.name(of: key, Records.states) != nil
            }
    }
}
