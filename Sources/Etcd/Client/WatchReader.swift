// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import Logging

/// One watch over any number of connections: every change once, in order, whole revisions at a time.
///
/// It works only while somebody waits in `next()`, so a slow consumer slows etcd down instead of filling memory.
actor WatchReader {
    private struct Connection {
        var stream: HTTPStream
        /// Which endpoint it goes to.
        var endpoint: Int
        var token: String?
        var parser = WatchParser()
    }

    private let client: EtcdClient
    private let selector: KeySelector
    /// Revision of the first change that has not been handed out; 0 until etcd has said what is newest.
    private var resumeRevision: Int64
    private var connection: Connection?
    private var ready: [WatchBatch] = []
    private var readyIndex = 0
    /// Failures since something useful came.
    private var failures = 0
    private var refusedToken: String?
    /// How often in a row etcd has denied the watch of what it lets this user read.
    private var baselessDenials = 0
    /// So many are no login that was out of date.
    private static let denialLimit = 8
    /// Whether etcd shall split large answers.
    ///
    /// It does so slowly (3.4 measures all that it has collected again for each event: 6,500 events a second here, against 25,000
    /// unsplit), so only once an answer has turned out to be too large.
    private(set) var usesFragments: Bool

    init(client: EtcdClient, selector: KeySelector, from revision: Int64, usesFragments: Bool = false) {
        self.usesFragments = usesFragments
        self.client = client
        self.selector = selector
        resumeRevision = revision
    }

    /// The next batch; `nil` when the task is cancelled.
    func next() async throws(EtcdError) -> WatchBatch? {
        while true {
            if readyIndex < ready.count {
                defer { readyIndex += 1 }
                return ready[readyIndex]
            }
            ready.removeAll(keepingCapacity: true)
            readyIndex = 0
            do {
                try await readOnce()
            } catch {
                if error.code == .cancelled { return nil }
                if connection != nil, error.isTransient { client.configuration.onBrokenWatch() }
                try await recover(from: error)
            }
        }
    }

    private var call: Call {
        Call(
            path: "/v3/watch",
            body: JSONWriter.object { writer in
                writer.object("create_request") {
                    $0.range(start: selector.range.start, end: selector.range.end)
                    if resumeRevision != 0 { $0.integer("start_revision", resumeRevision) }
                    $0.bool("progress_notify", true)
                    $0.bool("fragment", usesFragments)
                }
            },
            what: "watch \(selector)", isRepeatable: true, isLinearizable: false)
    }

    /// Waits for bytes once and takes in what they say.
    private func readOnce() async throws(EtcdError) {
        if connection == nil { connection = try await connect() }
        guard let open = connection else { return }
        let bytes: [UInt8]?
        do {
            bytes = try await open.stream.next()
        } catch {
            throw EtcdError(error, doing: "watch \(selector)")
        }
        guard let bytes else {
            throw EtcdError(
                code: .unreachable, message: "etcd at \(url(open)) ended the watch of \(selector)", isTransient: true,
                mayHaveHappened: false)
        }
        guard !bytes.isEmpty else { return try await checkQuietConnection(open) }
        let answers: [Streamed<WatchAnswer>]
        do {
            answers = try connection?.parser.feed(bytes) ?? []
        } catch {
            if connection?.parser.isOverLimit == true, !usesFragments {
                usesFragments = true
                throw EtcdError(
                    code: .answerTooLarge, message: "cannot \(call.what): an answer is too large, asking for pieces",
                    isTransient: true, mayHaveHappened: false)
            }
            throw client.malformed(call, error)
        }
        for answer in answers { try await handle(answer, open) }
    }

    private func connect() async throws(EtcdError) -> Connection {
        let index = client.endpoints.preferred
        let call = self.call
        let token = try await client.token(for: call, replacing: refusedToken)
        var request = client.request(call, at: index, token: token)
        request.deadline = client.configuration.requestTimeout
        request.connectTimeout = client.configuration.connectTimeout
        let stream: HTTPStream
        do {
            stream = try await client.http.stream(
                request, idle: .report(after: client.configuration.watchCheckInterval))
        } catch {
            client.endpoints.failed(index)
            throw EtcdError(error, doing: call.what)
        }
        let connection = Connection(stream: stream, endpoint: index, token: token)
        guard stream.status != 200 else { return connection }
        var body: [UInt8] = []
        while body.count < 65_536, let more = try? await stream.next(), !more.isEmpty { body += more }
        throw try await refused(Refusal(status: stream.status, body: body), connection)
    }

    private func refused(_ refusal: Refusal, _ connection: Connection) async throws(EtcdError) -> EtcdError {
        var error = EtcdError(refusal, doing: "watch \(selector)", at: url(connection))
        if refusal.wantsLogin {
            guard let token = connection.token else { return client.missingLogin(call, at: url(connection)) }
            if !refusal.isOfFormerRights || !EtcdClient.isSimple(token) { refusedToken = token }
        } else if error.code == .permissionDenied, baselessDenials < Self.denialLimit {
            // Before 3.4.23 and 3.5.6 etcd says so whatever is wrong with a login. A read of the same keys needs the same right,
            // tells what is wrong, and has brought a good login when it succeeds.
            _ = try await client.perform(oneKey, RangeAnswer.self)
            baselessDenials += 1
            error.isTransient = true
        } else if refusal.message.contains("larger than max"), !usesFragments {
            // The gateway in etcd does not take from etcd what it would have to hand to us.
            usesFragments = true
            error.isTransient = true
        } else if error.isTransient {
            client.endpoints.failed(connection.endpoint)
        }
        return error
    }

    private func handle(_ answer: Streamed<WatchAnswer>, _ connection: Connection) async throws(EtcdError) {
        if let refusal = answer.refusal { throw try await refused(refusal, connection) }
        let message = answer.message
        try client.identity.check(message.header, floor: nil, endpoint: url(connection), mayHaveHappened: false)
        if message.compactRevision != 0 {
            throw EtcdError(
                code: .compacted,
                message:
                    "cannot watch \(selector) from revision \(resumeRevision): etcd has only kept what is newer than "
                    + "\(message.compactRevision); read all again",
                isTransient: false, mayHaveHappened: false)
        }
        if message.isCanceled {
            var refusal = Refusal(code: 14, message: "the watch was cancelled")
            if !message.cancelReason.isEmpty { refusal.message = message.cancelReason }
            throw try await refused(refusal, connection)
        }
        if message.isCreated {
            try await checkHistory(message.header)
            failures = 0
            refusedToken = nil
            baselessDenials = 0
            client.endpoints.answered(connection.endpoint)
            return
        }
        take(message)
    }

    /// Makes sure that the store has what came before the watch, now that the watch stands.
    private func checkHistory(_ header: AnswerHeader) async throws(EtcdError) {
        if resumeRevision == 0 { resumeRevision = header.revision + 1 }
        guard header.revision < resumeRevision - 1 else { return }
        // The member may only lag behind; a linearizable read tells, and the client checks its revision.
        client.identity.saw(resumeRevision - 1)
        _ = try await client.perform(oneKey, RangeAnswer.self)
    }

    /// Reads at most one of the keys, without its value.
    private var oneKey: Call {
        let range = selector.range
        return Call(
            path: "/v3/kv/range",
            body: JSONWriter.object {
                $0.range(start: range.start, end: range.end)
                $0.integer("limit", 1)
                $0.bool("keys_only", true)
            },
            what: "read \(selector)", isRepeatable: true)
    }

    private func take(_ message: WatchAnswer) {
        // A connection may repeat nothing that was handed out; this guards against a server that does.
        let fresh = message.events.filter { $0.modRevision >= resumeRevision }
        for event in fresh {
            if let last = ready.indices.last, ready[last].revision == event.modRevision {
                ready[last].events.append(event)
            } else {
                ready.append(WatchBatch(revision: event.modRevision, events: [event]))
            }
        }
        // Without events the message is a report of progress: all up to its revision has been sent. With events its
        // revision may run ahead of them.
        if message.events.isEmpty, message.header.revision >= resumeRevision {
            ready.append(WatchBatch(revision: message.header.revision, events: []))
        }
        guard let last = ready.last else { return }
        resumeRevision = last.revision + 1
        client.identity.saw(last.revision)
    }

    /// Nothing came for a while: the member may be hung or cut off, which a connection alone does not show.
    private func checkQuietConnection(_ connection: Connection) async throws(EtcdError) {
        let interval = client.configuration.watchCheckInterval
        if client.endpoints.isKnownToLive(connection.endpoint, within: interval) { return }
        let answer = await client.probe(url(connection))
        if Task.isCancelled { return }
        if case .healthy = answer { return client.endpoints.answered(connection.endpoint) }
        client.endpoints.failed(connection.endpoint)
        throw EtcdError(
            code: .unreachable, message: "etcd at \(url(connection)) does not answer while it is watched: \(answer)",
            isTransient: true, mayHaveHappened: false)
    }

    /// Prepares the next attempt, or passes on an error that no attempt would mend.
    private func recover(from error: EtcdError) async throws(EtcdError) {
        let endpoint = connection?.endpoint
        connection = nil
        failures += 1
        let count = client.endpoints.urls.count
        guard error.isTransient || (error.code == .tls && failures < count) else { throw error }
        if let endpoint { client.endpoints.failed(endpoint) }
        client.logger.debug(
            "etcd watch interrupted, going on elsewhere",
            metadata: [
                "etcd.selector": "\(selector)", "etcd.revision": "\(resumeRevision)",
                "error.message": "\(error.message)",
            ])
        guard failures >= count else { return }
        do {
            try await client.pause(round: failures / count, atMost: .seconds(1), call)
        } catch {
            // Cancelled: the next read says so.
        }
    }

    private func url(_ connection: Connection) -> String { client.endpoints.urls[connection.endpoint] }
}
