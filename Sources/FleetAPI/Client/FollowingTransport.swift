// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

/// Carries a request on to the machine that can do it, when the one that was asked cannot and says which can.
///
/// Only the machine with the cluster's authority signs; the others answer 421 and name it. A request goes on once, and to nobody who
/// does not prove himself: where nobody can be asked there, the first answer stands, with words that say so.
package struct FollowingTransport: APITransport {
    private let transport: any APITransport
    private let open: @Sendable (APIEndpoint) -> any APITransport

    /// How many places of one answer are tried.
    private static let mostPlaces = 8

    /// - Parameters:
    ///   - transport: The way to the machine that is asked first.
    ///   - open: The way to another one, for the same caller.
    package init(_ transport: any APITransport, open: @escaping @Sendable (APIEndpoint) -> any APITransport) {
        self.transport = transport
        self.open = open
    }

    package func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        let answer = try await transport.send(request)
        var failures: [String] = []
        for place in Self.places(in: answer) {
            do throws(TransportFailure) {
                var other = try await open(place).send(request)
                other.endpoint = place.description
                return other
            } catch {
                // What never got there may go to the next; of what may have been done the caller has to hear.
                guard error.kind == .unreachable || error.kind == .untrusted else {
                    throw error.asked(of: place.description)
                }
                failures.append("\(place) (\(error.message))")
            }
        }
        return failures.isEmpty ? answer : Self.silenced(answer, failures)
    }

    /// The answer of who was asked first, when nobody can be asked where it points: "ask there" has just been done.
    private static func silenced(_ answer: TransportResponse, _ failures: [String]) -> TransportResponse {
        let words =
            "the machine with the cluster's authority does not answer at \(failures.joined(separator: ", nor at ")); "
            + "start it, or its node-agent.service, and try again; if it is lost, bring a copy of the authority to another machine"
        var body =
            (try? JSONDecoder().decode(API.ErrorBody.self, from: Data(answer.body)))
            ?? API.ErrorBody(code: 421, message: "")
        body.error.message = words
        guard let bytes = try? JSONEncoder().encode(body) else { return answer }
        var told = answer
        told.body = Array(bytes)
        return told
    }

    /// No stream is the authority's alone.
    package func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        try await transport.stream(request)
    }

    /// Where an answer says that the request can be done; only addresses at which the other end has to prove itself.
    private static func places(in answer: TransportResponse) -> [APIEndpoint] {
        guard answer.status == 421,
            let body = try? JSONDecoder().decode(API.ErrorBody.self, from: Data(answer.body))
        else { return [] }
        let named = (body.error.askAt ?? []).prefix(mostPlaces).compactMap { try? APIEndpoint($0) }
        return named.filter { if case .tls = $0 { true } else { false } }
    }
}
