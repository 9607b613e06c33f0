// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FoundationEssentials
import Synchronization

@testable import ClusterManager

/// The API as one answer per request, and a note of what was asked: for commands that only ask and show.
final class CannedAPI: APITransport {
    private struct Unexpected: Encodable {
        struct Reason: Encodable {
            let code: Int
            let message: String
        }
        let error: Reason
    }

    private let answers: [String: TransportResponse]
    /// What happens the first times that something is asked, before `answers` count.
    private let first: Mutex<[String: [Result<TransportResponse, TransportFailure>]]>
    private let noted = Mutex<[TransportRequest]>([])

    /// `answers` are by method and target, such as `GET /flotilla/v1/users`.
    init(
        _ answers: [String: TransportResponse],
        first: [String: [Result<TransportResponse, TransportFailure>]] = [:]
    ) {
        self.answers = answers
        self.first = Mutex(first)
    }

    /// What was asked, in order, as `METHOD target`.
    var asked: [String] { noted.withLock { $0.map { Self.named("\($0.method) \($0.target)") } } }

    /// The body of the only request.
    func body<Body: Decodable>(_ type: Body.Type) throws -> Body {
        try JSONDecoder().decode(type, from: Data(noted.withLock { $0 }.last?.body ?? []))
    }

    var bodies: String { noted.withLock { $0.map { String(decoding: $0.body, as: UTF8.self) }.joined() } }

    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        noted.withLock { $0.append(request) }
        let key = Self.named("\(request.method) \(request.target)")
        let once = first.withLock { $0[key]?.isEmpty == false ? $0[key]?.removeFirst() : nil }
        if let once { return try once.get() }
        return answers[key] ?? TransportResponse(status: 404)
    }

    /// Names of operations that a command has made itself are `NEW` here: `PUT /flotilla/v1/operations/NEW`.
    private static func named(_ key: String) -> String {
        let path = "/flotilla/v1/operations/"
        guard key.hasPrefix("PUT \(path)") else { return key }
        return "PUT \(path)NEW"
    }

    func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        throw TransportFailure(.broken, "no command about identities follows events")
    }

    static func json(_ value: some Encodable, status: Int = 200) throws -> TransportResponse {
        TransportResponse(
            status: status, headers: [("content-type", "application/json")],
            body: Array(try JSONEncoder().encode(value)))
    }

    static func refusal(_ status: Int, _ message: String) throws -> TransportResponse {
        try json(Unexpected(error: .init(code: status, message: message)), status: status)
    }

    /// Runs a command line of `words` against these answers, and `fleet` for all else.
    ///
    /// - Throws: What the command throws, or ArgumentParser for words that it does not take.
    @discardableResult
    func run(
        _ words: [String], fleet: FakeFleet = FakeFleet(), output: Console.Stream? = nil,
        on captured: CapturedConsole = CapturedConsole()
    ) async throws -> CapturedConsole {
        let console = Console(output: output ?? captured.console.output, errors: captured.console.errors)
        guard let command = try await RootCommand.asyncParseAsRoot(words) as? any FleetCommand else {
            throw ClusterManagerError(.usage, "\(words) is no command that asks a cluster")
        }
        let endpoint = APIEndpoint.unix(path: "/nowhere")
        try await command.run(
            in: CommandContext(
                fleet: fleet, console: console, format: try command.global.format(),
                client: { FleetClient(endpoint: endpoint, transport: self) }))
        return captured
    }

    @discardableResult
    func run(_ line: String) async throws -> CapturedConsole {
        try await run(line.split(separator: " ").map(String.init))
    }
}
