// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIClient

/// Tells of requests on standard error: of each with `--debug`, of slow ones to a person at a terminal.
package struct RequestObserver: Sendable {
    private let stream: Console.Stream
    private let tellsAll: Bool

    /// From when on a person is shown that an answer is being waited for.
    private static let patience: Duration = .seconds(1)

    /// `tellsAll` is what `--debug` asks for.
    package init(_ stream: Console.Stream, tellsAll: Bool) {
        self.stream = stream
        self.tellsAll = tellsAll
    }

    /// Makes a request, and tells of it as `what`.
    func told<Answer, Failure: Error>(
        _ what: String, _ request: () async throws(Failure) -> Answer
    ) async throws(Failure) -> Answer {
        let clock = ContinuousClock()
        let start = clock.now
        func tell(_ outcome: String) {
            guard tellsAll else { return }
            let (seconds, attoseconds) = start.duration(to: clock.now).components
            let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
            stream.line("debug: \(what): \(outcome) after \(milliseconds) ms")
        }
        let notice = stream.isTerminal ? Task { await showSlowness(of: what, since: start) } : nil
        let outcome: Result<Answer, Failure>
        do throws(Failure) { outcome = .success(try await request()) } catch { outcome = .failure(error) }
        notice?.cancel()
        // The line must be wiped away before anything else is printed.
        await notice?.value
        switch outcome {
        case .success: tell("ok")
        case .failure(let error): tell("\(error)")
        }
        return try outcome.get()
    }

    /// Shows a line that moves from the first second on, until cancelled.
    private func showSlowness(of what: String, since start: ContinuousClock.Instant) async {
        var line = ProgressLine(stream)
        defer { line.clear() }
        var pause = Self.patience
        while (try? await Task.sleep(for: pause)) != nil {
            line.show("\(what): no answer yet (\(start.duration(to: .now).inWords))")
            pause = .milliseconds(250)
        }
    }
}

/// A way to the API whose exchanges are told of, for the commands that ask it for what fleet has no notion of.
struct ObservedTransport: APITransport {
    let transport: any APITransport
    let observer: RequestObserver

    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        try await observer.told(Self.words(request)) { () async throws(TransportFailure) in
            try await transport.send(request)
        }
    }

    func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        try await observer.told(Self.words(request)) { () async throws(TransportFailure) in
            try await transport.stream(request)
        }
    }

    private static func words(_ request: TransportRequest) -> String {
        "\(request.method) \(request.target.prefix { $0 != "?" })"
    }
}
