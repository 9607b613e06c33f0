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
        let answer = try await attempt { (choice: Choice) async throws(TransportFailure) -> TransportResponse in
            var answer = try await choice.transport.send(request)
            answer.endpoint = choice.endpoint
            return answer
        }
        ages.note(answer)
        return answer
    }

    package func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        let answer = try await attempt { (choice: Choice) async throws(TransportFailure) -> TransportStream in
            var stream = try await choice.transport.stream(request)
            stream.endpoint = choice.endpoint
            return stream
        }
        ages.note(answer)
        return answer
    }

    private func attempt<Answer: Sendable>(
        _ work: (Choice) async throws(TransportFailure) -> Answer
    ) async throws(TransportFailure) -> Answer {
        let choice = chosen()
        do {
            return try await work(choice)
        } catch {
            let error = error.asked(of: choice.endpoint)
            guard error.kind != .cancelled else { throw error }
            current.withLock { $0 = nil }
            // What never got to one server may go to another at once; what may have got there is the caller's to judge.
            guard error.kind == .unreachable else { throw error }
            let other = chosen()
            guard other.endpoint != choice.endpoint else { throw error }
            do {
                return try await work(other)
            } catch {
                throw error.asked(of: other.endpoint)
            }
        }
    }

    private func chosen() -> Choice {
        if let choice = current.withLock({ $0 }) { return choice }
        let choice = choose()
        current.withLock { $0 = choice }
        return choice
    }
}
