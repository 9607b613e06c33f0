// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPIClient
import Synchronization

/// Carries requests to one of several servers of the same cluster: to the same one for as long as it answers.
///
/// A wait outlives the agent that it asked first: when that one restarts, the next question goes to another.
package final class ChoosingTransport: APITransport {
    /// A server, by the name by which messages call it, and the way to it.
    package struct Choice: Sendable {
        package let endpoint: String
        package let transport: any APITransport

        package init(endpoint: String, transport: any APITransport) {
            self.endpoint = endpoint
            self.transport = transport
        }
    }

    private let choose: @Sendable () -> Choice
    private let ages: AnswerAges
    /// `nil` when the last one did not answer.
    private let current: Mutex<Choice?>

    /// - Parameters:
    ///   - first: The server to begin with.
    ///   - ages: Told how old the answers are.
    ///   - choose: Looks which server answers now; may be the same.
    package init(first: Choice, ages: AnswerAges = AnswerAges(), choose: @escaping @Sendable () -> Choice) {
        self.ages = ages
        self.choose = choose
        self.current = Mutex(first)
    }

    package func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        try await attempt { transport throws(TransportFailure) in try await transport.send(request) }
    }

    package func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        try await attempt { transport throws(TransportFailure) in try await transport.stream(request) }
    }

    private func attempt<Answer: TransportAnswer>(
        _ work: (any APITransport) async throws(TransportFailure) -> Answer
    ) async throws(TransportFailure) -> Answer {
        let choice = chosen()
        do {
            return try await ask(choice, work)
        } catch {
            guard error.kind != .cancelled else { throw error }
            current.withLock { $0 = nil }
            // What never got to one server may go to another at once; what may have got there is the caller's to judge.
            guard error.kind == .unreachable || error.kind == .untrusted else { throw error }
            let other = chosen()
            guard other.endpoint != choice.endpoint else { throw error }
            return try await ask(other, work)
        }
    }

    /// Asks one server, whose name its answer and its failure bear.
    private func ask<Answer: TransportAnswer>(
        _ choice: Choice, _ work: (any APITransport) async throws(TransportFailure) -> Answer
    ) async throws(TransportFailure) -> Answer {
        do {
            var answer = try await work(choice.transport)
            answer.endpoint = choice.endpoint
            ages.note(answer)
            return answer
        } catch {
            throw error.asked(of: choice.endpoint)
        }
    }

    private func chosen() -> Choice {
        if let choice = current.withLock({ $0 }) { return choice }
        let choice = choose()
        current.withLock { $0 = choice }
        return choice
    }
}
