// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bounds how many requests each caller may make: a bucket of requests that fills again at a steady rate.
///
/// Each class has a table of its own. Strangers share little: they can only join, and each wrong token costs them one of few tries.
final class RateLimit: Sendable {
    private struct Key: Hashable {
        var group: CallerClass
        var name: String
    }

    private struct State {
        var buckets: [Key: TokenBucket] = [:]
        var strangers = 0
        /// When those who have gone were forgotten last.
        var swept = -Double.infinity
    }

    private let state = Mutex(State())
    private let bounds: Bounds
    private let now: @Sendable () -> Double
    /// Strangers that are remembered at once.
    ///
    /// Those beyond share one bucket. Of others there are as many as the cluster has.
    private static let capacity = 10_000
    private static let rest = Key(group: .stranger, name: "*")

    /// `now` gives seconds on any clock that only goes forward.
    init(_ bounds: Bounds, now: @escaping @Sendable () -> Double) {
        self.bounds = bounds
        self.now = now
    }

    /// Takes one request of the caller; `false` when there is none left.
    func admits(_ caller: Caller) -> Bool {
        let now = now()
        let bound = bounds[caller.group]
        return state.withLock { state in
            let key = Self.key(of: caller, in: &state, at: now)
            var bucket = state.buckets[key] ?? TokenBucket(burst: bound.burst, rate: bound.rate, now: now)
            defer { state.buckets[key] = bucket }
            return bucket.take(at: now)
        }
    }

    private static func key(of caller: Caller, in state: inout State, at now: Double) -> Key {
        let key = Key(group: caller.group, name: caller.boundKey)
        guard key.group == .stranger, state.buckets[key] == nil else { return key }
        if state.strangers >= capacity, now - state.swept >= 1 {
            state.swept = now
            // A bucket that nobody has touched for a minute is full again, or as good as that.
            state.buckets = state.buckets.filter { $0.key.group != .stranger || now - $0.value.at < 60 }
            state.strangers = state.buckets.keys.count { $0.group == .stranger }
        }
        guard state.strangers < capacity else { return rest }
        state.strangers += 1
        return key
    }
}
