// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIClient
import Synchronization

/// Sees every request of a command, and tells of it on standard error.
///
/// Of each with `--debug`; of slow ones by a line that moves at a terminal, and once elsewhere. Who leaves before the answer
/// to a change is told of it by `PendingChanges`.
package struct RequestObserver: Sendable {
    /// For how long nobody has answered, over all requests of a command, and whether its user knows.
    private final class Lull: Sendable {
        private let state = Mutex<(since: ContinuousClock.Instant?, isTold: Bool)>((nil, false))

        /// Since when nobody has answered, for a request that begins now.
        func start(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant { state.withLock { $0.since ?? now } }

        /// Takes note of what came of a request; a failure ends no lull.
        func note(answered: Bool, since start: ContinuousClock.Instant) {
            state.withLock { $0.since = answered ? nil : start }
        }

        /// Whether to tell of it, which is done once.
        func isToBeTold() -> Bool {
            state.withLock { state in
                defer { state.isTold = true }
                return !state.isTold
            }
        }
    }

    /// When the user is told that nobody answers.
    struct Patience: Sendable {
        /// A person at a terminal, by a line that moves.
        var terminal: Duration = .seconds(1)
        /// Anybody else, by a line.
        var silence: Duration = .seconds(2)
    }

    /// Whether a wait tells of the cluster's silence itself, in better words.
    @TaskLocal static var isSilenceTold: Bool = false

    private let stream: Console.Stream
    private let tellsAll: Bool
    private let patience: Patience
    private let changes: PendingChanges
    private let lull = Lull()

    /// `tellsAll` is what `--debug` asks for.
    package init(_ stream: Console.Stream, tellsAll: Bool) {
        self.init(
            stream, tellsAll: tellsAll, patience: Patience(),
            changes: PendingChanges { Interrupt.saysByDefault($0, on: stream) })
    }

    init(_ stream: Console.Stream, tellsAll: Bool = false, patience: Patience, changes: PendingChanges) {
        self.stream = stream
        self.tellsAll = tellsAll
        self.patience = patience
        self.changes = changes
    }

    /// Makes a request, and tells of it.
    ///
    /// - Parameters:
    ///   - what: The request, in words.
    ///   - change: What it changes; `nil` of one that only asks.
    ///   - request: Makes it.
    /// - Returns: The answer.
    /// - Throws: What `request` throws.
    func told<Answer, Failure: Error>(
        _ what: String, changing change: PendingChange? = nil, _ request: () async throws(Failure) -> Answer
    ) async throws(Failure) -> Answer {
        let clock = ContinuousClock()
        let start = clock.now
        func tell(_ outcome: String) {
            guard tellsAll else { return }
            let (seconds, attoseconds) = start.duration(to: clock.now).components
            let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
            stream.line("debug: \(what): \(outcome) after \(milliseconds) ms")
        }
        let silence = lull.start(start)
        let notice = notice(of: what, since: start, silentSince: silence)
        if let change { changes.begin(change) }
        let outcome: Result<Answer, Failure>
        do throws(Failure) { outcome = .success(try await request()) } catch { outcome = .failure(error) }
        if let change { changes.end(change, Self.fate(outcome)) }
        notice?.cancel()
        // The line must be wiped away before anything else is printed.
        await notice?.value
        switch outcome {
        case .success:
            lull.note(answered: true, since: silence)
            tell("ok")
        case .failure(let error):
            lull.note(answered: false, since: silence)
            tell("\(error)")
        }
        return try outcome.get()
    }

    /// What becomes of a change by the answer to it.
    private static func fate<Answer, Failure: Error>(_ outcome: Result<Answer, Failure>) -> PendingChanges.Fate {
        switch outcome {
        case .success(let answer):
            guard let answer = answer as? any TransportAnswer, answer.status >= 400 else { return .done }
            return answer.status >= 500 ? .unknown : .refused
        case .failure(let error as TransportFailure):
            return [.unreachable, .untrusted].contains(error.kind) ? .refused : .unknown
        case .failure(let error as ClusterManagerError):
            return [.unreachable, .unavailable].contains(error.code) ? .unknown : .refused
        case .failure: return .unknown
        }
    }

    /// The task that tells of a silence, until it is cancelled; `nil` where somebody else does.
    private func notice(
        of what: String, since start: ContinuousClock.Instant, silentSince silence: ContinuousClock.Instant
    ) -> Task<Void, Never>? {
        if stream.isTerminal { return Task { await showSlowness(of: what, since: start) } }
        guard !Self.isSilenceTold else { return nil }
        let left = silence + patience.silence - start
        // A request that fails at once, again and again, is silence, too.
        guard left > .zero else {
            tellSilence()
            return nil
        }
        return Task {
            if (try? await Task.sleep(for: left)) != nil { tellSilence() }
        }
    }

    private func tellSilence() {
        guard lull.isToBeTold() else { return }
        stream.line("cluster-manager: the cluster has not answered for \(patience.silence.inWords); still asking")
    }

    /// Shows a line that moves from the first second on, until cancelled.
    private func showSlowness(of what: String, since start: ContinuousClock.Instant) async {
        var line = ProgressLine(stream)
        defer { line.clear() }
        var pause = patience.terminal
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
        try await observer.told(Self.words(request), changing: PendingChange(request)) {
            () async throws(TransportFailure) in
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
