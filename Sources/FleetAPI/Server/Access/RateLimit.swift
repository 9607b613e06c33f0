// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bounds how many requests each caller may make: a bucket of requests that fills again at a steady rate.
///
/// Strangers share little: they can only join, and each wrong token costs them one of few tries.
final class RateLimit: Sendable {
    struct Limits: Sendable {
        /// Requests at once.
        var burst: Double
        /// Requests a second thereafter.
        var rate: Double
    }

    private struct Bucket {
        var filled: Double
        var at: Double
    }

    private let buckets = Mutex<[String: Bucket]>([:])
    private let known: Limits
    private let strangers: Limits
    private let now: @Sendable () -> Double
    /// Callers that are remembered at once; beyond it those whose buckets are full are forgotten.
    private static let capacity = 10_000

    /// `now` gives seconds on any clock that only goes forward.
    init(known: Limits, strangers: Limits, now: @escaping @Sendable () -> Double) {
        self.known = known
        self.strangers = strangers
        self.now = now
    }

    /// Takes one request of the caller; `false` when there is none left.
    func admits(_ caller: Caller) -> Bool {
        let limits: Limits
        let key: String
        switch caller.identity {
        case .unknown:
            limits = strangers
            key = "?" + caller.origin
        case .user, .machine:
            limits = known
            key = caller.name
        }
        let now = now()
        return buckets.withLock { buckets in
            if buckets.count >= Self.capacity, buckets[key] == nil {
                buckets = buckets.filter { now - $0.value.at < 60 }
                // Still full: so many callers at once are no callers of ours.
                if buckets.count >= Self.capacity { return false }
            }
            var bucket = buckets[key] ?? Bucket(filled: limits.burst, at: now)
            bucket.filled = min(limits.burst, bucket.filled + (now - bucket.at) * limits.rate)
            bucket.at = now
            let admitted = bucket.filled >= 1
            if admitted { bucket.filled -= 1 }
            buckets[key] = bucket
            return admitted
        }
    }
}
