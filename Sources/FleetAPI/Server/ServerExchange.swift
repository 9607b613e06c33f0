// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
package import FleetCore

/// One request to the API, apart from how it came.
package struct ServerRequest: Sendable {
    /// In upper case, such as `GET`.
    package var method: String
    /// Path and query as they came, percent-encoded.
    package var target: String
    package var headers: [(name: String, value: String)]
    /// Who asks.
    package var caller: Caller
    /// Reads the whole body; called at most once, and only after the request's head was found good.
    package var body: @Sendable () async throws(ServerFailure) -> [UInt8]
    /// The memory that its answer has; `nil` where nothing bounds it.
    var answer: AnswerMemory?

    package init(
        method: String, target: String, headers: [(name: String, value: String)] = [], caller: Caller,
        body: @escaping @Sendable () async throws(ServerFailure) -> [UInt8]
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.caller = caller
        self.body = body
    }

    /// All values of a header; `name` in lower case.
    func values(of name: String) -> [String] { headers.filter { $0.name.lowercased() == name }.map(\.value) }

    /// Path without query, still percent-encoded.
    var path: Substring { target.prefix { $0 != "?" } }

    /// Name and value of each query parameter, decoded, in order.
    var query: [(name: String, value: String)] {
        target.drop { $0 != "?" }.dropFirst().split(separator: "&").map { pair in
            let name = pair.prefix { $0 != "=" }
            let value = pair.dropFirst(name.count).dropFirst()
            return (PercentCoding.decode(name, plusIsSpace: true), PercentCoding.decode(value, plusIsSpace: true))
        }
    }

    /// Takes memory for the answer before it is made: for a handler that cannot know how large it becomes.
    ///
    /// - Parameters:
    ///   - bytes: The largest that it may be.
    ///   - patience: How long to wait while other answers have that memory.
    /// - Throws: 503 when it is not there then.
    package func reserve(answer bytes: Int, within patience: Duration) async throws(ServerFailure) {
        guard let answer else { return }
        guard await answer.reserve(bytes, within: patience) else { throw AnswerMemory.refusal(caller) }
    }

    package func queryValues(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }
}

/// The answer to one request, apart from how it goes out.
package struct ServerReply: Sendable {
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// What is written while it comes into being, events or a journal, until either side ends it.
        case stream(any ReplyStream)
    }

    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: Body
    /// What the audit keeps of it beside the unit: which token, which user; never a secret.
    package var note: String?
    /// How what was changed stood before, for the audit; of a unit it finds that out itself.
    package var former: String?
    /// Nobody's act but the machinery's own: the audit keeps nothing of it unless it is refused.
    package var isRoutine = false
    /// Whether the connection ends with it: the rest of a body that is not wanted is not worth reading.
    var closes = false

    package init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first header of that name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// A request that is not carried out: becomes an answer with an error body.
package struct ServerFailure: Error, Hashable, Sendable {
    package var status: Int
    package var message: String
    /// What the audit says of it when that is more than the caller may learn.
    package var audit: String?
    /// Where the request can be done, of one that this server cannot do (421).
    package var askAt: [String]?
    /// The operation that has the unit on its way (409).
    package var operation: String?
    /// In how many seconds another try may do better.
    package var retryAfter: Int?
    /// Whether the connection ends with the answer.
    var closes: Bool

    package init(_ status: Int, _ message: String = "", audit: String? = nil) {
        self.init(status, message, audit: audit, closes: false)
    }

    init(_ status: Int, _ message: String = "", audit: String? = nil, closes: Bool) {
        self.status = status
        self.message = message
        self.audit = audit
        self.closes = closes || status == 413
    }

    /// The same, and says in how many seconds another try may do better.
    package func retrying(after seconds: Int) -> ServerFailure {
        var failure = self
        failure.retryAfter = seconds
        return failure
    }

    /// What a unit is refused that an operation has on its way.
    package static func held(_ unit: UnitName, by operation: OperationRecord) -> ServerFailure {
        var failure = ServerFailure(
            409,
            "operation \(operation.id) has \(unit) on its way; wait for it (operation watch \(operation.id)), or end it "
                + "(operation abort \(operation.id))")
        failure.operation = operation.id.rawValue
        return failure
    }

    init(_ error: ClusterAccessError) {
        switch error {
        case .exists: self.init(409, "the unit exists already")
        case .missing: self.init(404, "unit does not exist")
        case .unavailable(let reason): self = .unavailable(reason)
        case .failed(let reason): self.init(500, reason)
        }
    }

    /// The words are fleet's, whose tests and users look for them.
    package static func unavailable(_ reason: String) -> ServerFailure {
        ServerFailure(503, "the server is unable to communicate with etcd: \(reason)")
    }
}
