// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

// What a gate does with another program's request: this client sends it as its own, and brings back what etcd said. Which store that
// is, and how far its history has come, is for the other program to judge: it has its own memory of the store.

extension EtcdClient {
    /// Sends a request on, with this client's login, to one member after the other as with its own requests.
    ///
    /// - Parameter request: Anything but a watch.
    /// - Returns: The body of etcd's answer, as it came.
    /// - Throws: When no answer came, or a refusal did; `gateAnswer` tells the other program of it.
    package func pass(_ request: StoreRequest) async throws(EtcdError) -> [UInt8] {
        try await perform(request.call, PassedAnswer.self).body
    }

    /// Begins a watch for another program.
    ///
    /// - Parameter request: A watch.
    /// - Returns: The watch, over one connection: when that breaks the watch ends, and the other program hears of it at once.
    /// - Throws: As `pass(_:)`.
    package func passWatch(_ request: StoreRequest) async throws(EtcdError) -> PassedWatch {
        let call = request.call
        var refusedToken: String?
        var attempt = 0
        while true {
            attempt += 1
            let index = endpoints.preferred
            let token = try await token(for: call, replacing: refusedToken)
            let (watch, refusal) = try await open(call, at: index, token: token)
            guard let refusal else { return watch }
            let error = EtcdError(refusal, doing: call.what, at: endpoints.urls[index])
            // Some versions of etcd deny a watch whatever is wrong with a login, and this client's is good for all that passes.
            guard refusal.wantsLogin || error.code == .permissionDenied, attempt < Self.watchAttempts, token != nil
            else {
                if error.isTransient { endpoints.failed(index) }
                throw error
            }
            if !refusal.isOfFormerRights || !Self.isSimple(token) { refusedToken = token }
        }
    }

    private static let watchAttempts = 3

    /// Opens a watch at one member, and reads whether it stands.
    private func open(
        _ call: Call, at index: Int, token: String?
    ) async throws(EtcdError) -> (watch: PassedWatch, refusal: Refusal?) {
        var request = self.request(call, at: index, token: token)
        request.deadline = configuration.requestTimeout
        request.connectTimeout = configuration.connectTimeout
        do throws(HTTPError) {
            let stream = try await http.stream(request, idle: .report(after: configuration.watchCheckInterval))
            var first: [UInt8] = []
            // Each message is a line; the first says at once whether the watch stands.
            while first.count < 65_536, !first.contains(UInt8(ascii: "\n")) {
                guard let more = try await stream.next(), !more.isEmpty else { break }
                first += more
            }
            let watch = PassedWatch(client: self, stream: stream, endpoint: index, first: first)
            guard stream.status == 200 else { return (watch, Refusal(status: stream.status, body: first)) }
            return (watch, Self.refusal(in: first))
        } catch {
            endpoints.failed(index)
            throw EtcdError(error, doing: call.what)
        }
    }

    /// Why the first message of a watch is its last; `nil` when the watch stands.
    private static func refusal(in bytes: [UInt8]) -> Refusal? {
        var parser = WatchParser()
        guard let answer = try? parser.feed(bytes).first else { return nil }
        if let refusal = answer.refusal { return refusal }
        let message = answer.message
        // What has been compacted away, the other program reads from the message itself.
        guard message.isCanceled, message.compactRevision == 0, !message.cancelReason.isEmpty else { return nil }
        return Refusal(code: 14, message: message.cancelReason)
    }
}

/// One watch of another program's, over one connection.
package final class PassedWatch: Sendable {
    private let client: EtcdClient
    private let stream: HTTPStream
    /// Which member it goes to.
    private let endpoint: Int
    private let first: Locked<[UInt8]>

    init(client: EtcdClient, stream: HTTPStream, endpoint: Int, first: [UInt8]) {
        self.client = client
        self.stream = stream
        self.endpoint = endpoint
        self.first = Locked(first)
    }

    /// The next bytes, as they came from etcd; `nil` when the connection has ended, or its member does not live any more.
    package func next() async -> [UInt8]? {
        let first = first.withLock { first in
            defer { first = [] }
            return first
        }
        if !first.isEmpty { return first }
        while true {
            guard let bytes = try? await stream.next() else { return nil }
            if !bytes.isEmpty { return bytes }
            // Nothing came for a while: the member may be hung or cut off, which a connection alone does not show.
            if client.endpoints.isKnownToLive(endpoint, within: client.configuration.watchCheckInterval) { continue }
            guard case .healthy = await client.probe(client.endpoints.urls[endpoint]) else { return nil }
            client.endpoints.answered(endpoint)
        }
    }

    /// Ends the watch.
    package func cancel() { stream.cancel() }
}

/// An answer that goes to somebody else as it is.
private struct PassedAnswer: Answer {
    var header = AnswerHeader()
    var body: [UInt8] = []

    init() {}

    var refusal: Refusal?

    init(_ body: [UInt8]) throws(JSONError) {
        self.body = body
        // A streaming call says so in an answer with the status 200, and is small then.
        if body.count < 4096 { refusal = (try? Streamed<PlainAnswer>(body))?.refusal }
    }

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) { try reader.skip() }
}

extension EtcdError {
    /// How a gate tells another program's client of this error, so that the client takes it as if it had asked etcd itself.
    ///
    /// etcd's own words come through, and mean there what they mean here. What went wrong between the gate and etcd is told by whether
    /// the request may have been carried out.
    package var gateAnswer: (status: Int, body: [UInt8]) {
        func answer(_ status: Int, _ code: Int64, _ message: String) -> (status: Int, body: [UInt8]) {
            (
                status,
                JSONWriter.object {
                    $0.integer("code", code)
                    $0.string("message", message)
                }
            )
        }
        switch code {
        case .answerTooLarge: return answer(500, 8, RefusalRule.tooLargeToPass)
        case .unreachable, .timedOut, .tls, .loginRefused, .malformedAnswer, .cancelled, .storeReplaced:
            let words = mayHaveHappened ? RefusalRule.passedInDoubt : RefusalRule.notPassedOn
            return answer(503, 14, "\(words): \(message)")
        case .noLeader, .compacted, .leaseNotFound, .noSpace, .corrupt, .permissionDenied, .invalidRequest, .notFound,
            .alreadyExists, .server:
            if isTransient, mayHaveHappened { return answer(503, 14, "\(RefusalRule.passedInDoubt): \(message)") }
            return answer(500, mayHaveHappened ? 2 : 9, message)
        }
    }
}

extension Duration {
    /// Rounded down, at least 1.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
