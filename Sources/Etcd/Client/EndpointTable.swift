// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

/// Remembers which endpoint to ask first and how each has done lately.
final class EndpointTable: Sendable {
    private struct State {
        var preferred = 0
        var lastAnswer: [Int: ContinuousClock.Instant] = [:]
        var lastFailure: [Int: ContinuousClock.Instant] = [:]
    }

    let urls: [String]
    private let state = Locked(State())

    /// - Parameter urls: At least one.
    init(urls: [String]) { self.urls = urls }

    /// The endpoint to ask now.
    var preferred: Int { state.withLock { $0.preferred } }

    func answered(_ index: Int) { state.withLock { $0.lastAnswer[index] = .now } }

    /// Turns to the next endpoint unless somebody else has done so already.
    func failed(_ index: Int) {
        state.withLock { state in
            state.lastFailure[index] = .now
            if state.preferred == index { state.preferred = (index + 1) % urls.count }
        }
    }

    /// Whether the endpoint has answered something within `interval`, and nothing has failed on it since.
    func isKnownToLive(_ index: Int, within interval: Duration) -> Bool {
        state.withLock { state in
            guard let answer = state.lastAnswer[index], ContinuousClock.now - answer <= interval else { return false }
            return state.lastFailure[index].map { $0 < answer } ?? true
        }
    }
}
