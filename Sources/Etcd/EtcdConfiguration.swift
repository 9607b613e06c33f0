// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import HTTPTransport

/// Where etcd is and how to talk to it.
package struct EtcdConfiguration: Sendable {
    /// URLs of the members, such as `http://10.0.0.1:2379`; the order says which is tried first.
    package var endpoints: [String]
    package var tls: TLSSettings?
    package var user: String?
    package var password: String?
    /// A login that was not used for so long is renewed before its next use.
    ///
    /// etcd forgets a simple token 300 s after its last use (`--auth-token-ttl`, etcd 3.5 and newer).
    package var loginIdleLimit: Duration
    /// The longest that one call may take, all its attempts together.
    package var requestTimeout: Duration
    /// The longest that connecting to one endpoint may take.
    package var connectTimeout: Duration
    /// The longest that `probe(_:)` waits for its one endpoint.
    package var probeTimeout: Duration
    /// A watch on which nothing came for so long asks whether its member is still there.
    package var watchCheckInterval: Duration
    /// How many keys one page of a read of many keys has at most.
    package var pageSize: Int
    /// The largest answer that is taken, in bytes; a read of many keys makes its pages smaller to fit.
    package var answerLimit: Int
    /// A key that this client may read, there or not: its reading shows how far the store has come.
    ///
    /// With etcd's logins on, the default is for those who may read everything.
    package var historyKey: String
    /// The only cluster to accept; `nil` accepts the first that answers, and from then on only that one.
    package var expectedClusterID: UInt64?
    /// A revision that the store is known to have reached; one that has not is refused.
    package var expectedRevision: Int64
    /// Who stands before the store, where the endpoints are not etcd's own; `nil` where they are.
    package var gate: GatedStore?
    /// Called when the connection of a watch breaks, before it is tried again; must return at once.
    package var onBrokenWatch: @Sendable () -> Void = {}
    /// This machine's clock, in seconds since 1970, to compare etcd's with.
    package var wallClock: @Sendable () -> Int64 = { Int64(time(nil)) }

    package init(
        endpoints: [String], tls: TLSSettings? = nil, user: String? = nil, password: String? = nil,
        loginIdleLimit: Duration = .seconds(240), requestTimeout: Duration = .seconds(5),
        connectTimeout: Duration = .seconds(1),
        probeTimeout: Duration = .seconds(1), watchCheckInterval: Duration = .seconds(5), pageSize: Int = 2_000,
        answerLimit: Int = 64 << 20, historyKey: String = "\0", expectedClusterID: UInt64? = nil,
        expectedRevision: Int64 = 0
    ) {
        self.endpoints = endpoints
        self.tls = tls
        self.user = user
        self.password = password
        self.loginIdleLimit = loginIdleLimit
        self.requestTimeout = requestTimeout
        self.connectTimeout = connectTimeout
        self.probeTimeout = probeTimeout
        self.watchCheckInterval = watchCheckInterval
        self.pageSize = pageSize
        self.answerLimit = answerLimit
        self.historyKey = historyKey
        self.expectedClusterID = expectedClusterID
        self.expectedRevision = expectedRevision
    }

    /// Puts endpoints into one form, without slash at the end.
    ///
    /// - Throws: `.invalidRequest`, with words that name the setting at fault.
    package func checked() throws(EtcdError) -> EtcdConfiguration {
        var result = self
        guard !endpoints.isEmpty else { throw Self.refusal("no etcd endpoint is given; name at least one URL") }
        result.endpoints = []
        for endpoint in endpoints {
            let url = try Self.checked(endpoint)
            if !result.endpoints.contains(url) { result.endpoints.append(url) }
        }
        if let gate {
            result.gate?.members = []
            for member in gate.members { result.gate?.members.append(try Self.checked(member)) }
        }
        guard (user == nil) == (password == nil) else {
            throw Self.refusal("etcd user and password must be given together")
        }
        if let tls, (tls.certificateFile == nil) != (tls.keyFile == nil) {
            throw Self.refusal("etcd client certificate and key must be given together")
        }
        if tls != nil, let plain = result.endpoints.first(where: { $0.hasPrefix("http:") }) {
            throw Self.refusal("etcd endpoint \(plain) is plain http but certificates are given; write https")
        }
        guard requestTimeout > .zero, connectTimeout > .zero, probeTimeout > .zero, watchCheckInterval > .zero else {
            throw Self.refusal("etcd time-outs must be longer than nothing")
        }
        guard pageSize > 0, answerLimit > 0 else {
            throw Self.refusal("etcd page size and answer limit must be at least 1")
        }
        return result
    }

    private static func checked(_ endpoint: String) throws(EtcdError) -> String {
        func refusal(_ reason: String) -> EtcdError {
            Self.refusal("etcd endpoint \"\(endpoint)\" \(reason); write it like http://10.0.0.1:2379")
        }
        guard let separator = endpoint.utf8.firstIndex(of: UInt8(ascii: ":")),
            endpoint[separator...].hasPrefix("://")
        else { throw refusal("has no scheme") }
        let scheme = endpoint[..<separator].lowercased()
        guard scheme == "http" || scheme == "https" else { throw refusal("has the unknown scheme \"\(scheme)\"") }
        var authority = endpoint[endpoint.index(separator, offsetBy: 3)...]
        if authority.hasSuffix("/") { authority = authority.dropLast() }
        guard !authority.contains(where: { "/?#".contains($0) }) else { throw refusal("must not have a path") }
        guard !authority.contains("@") else { throw refusal("must not carry a login") }
        let host: Substring
        let rest: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw refusal("has a [ without ]") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            rest = authority[authority.index(after: end)...]
            guard host.utf8.allSatisfy({ $0 == 0x3A || $0 == 0x2E || $0 == 0x25 || $0.isLetterOrDigit }) else {
                throw refusal("has a host that is no IPv6 address")
            }
        } else {
            let end = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<end]
            rest = authority[end...]
            guard host.utf8.allSatisfy({ $0 == 0x2E || $0 == 0x2D || $0 == 0x5F || $0.isLetterOrDigit }) else {
                throw refusal("has a host with a character that hosts do not have")
            }
        }
        guard !host.isEmpty else { throw refusal("has no host") }
        guard !rest.isEmpty else { throw refusal("has no port") }
        guard rest.hasPrefix(":"), rest.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(rest.dropFirst()), (1...65_535).contains(port)
        else { throw refusal("has no port from 1 to 65535") }
        return "\(scheme)://\(authority)"
    }

    private static func refusal(_ message: String) -> EtcdError {
        EtcdError(code: .invalidRequest, message: message, isTransient: false, mayHaveHappened: false)
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }
}
