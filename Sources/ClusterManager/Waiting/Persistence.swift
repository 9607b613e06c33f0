// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Asks until somebody answers, for questions and for orders that may be given twice.
///
/// An agent that restarts, or an etcd that chooses a leader, is away for seconds; a wait of minutes does not end by that.
enum Persistence {
    private static let firstPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(2)

    /// Carries out a request, again and again while nobody can answer it.
    ///
    /// - Parameters:
    ///   - deadline: From when on a failure is thrown, as it then is.
    ///   - request: What to ask; it may be carried out several times.
    /// - Returns: The answer.
    /// - Throws: `ClusterManagerError`; at once for a refusal, which asking again would not change.
    static func ask<Answer>(
        until deadline: ContinuousClock.Instant, _ request: () async throws -> Answer
    ) async throws -> Answer {
        var pause = firstPause
        while true {
            do {
                return try await request()
            } catch {
                let error = ClusterManagerError(wrapping: error)
                guard error.isTransient, ContinuousClock.now < deadline else { throw error }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, longestPause)
        }
    }
}
