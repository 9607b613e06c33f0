// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One HTTP request: what to send, to whom, and how long to wait.
package struct HTTPRequest: Sendable {
    /// Method as it goes over the wire, such as `GET`.
    package var method: String
    /// Absolute `http` or `https` URL; with `unixSocket` its host only fills the `Host` header.
    package var url: String
    package var headers: [HTTPHeader]
    package var body: [UInt8]
    /// The longest that the whole request may take; for a stream, until its headers have come.
    package var deadline: Duration
    /// The longest that resolving the name, connecting and the TLS handshake may take together.
    package var connectTimeout: Duration
    /// Path of a unix socket to connect to instead of the URL's host.
    package var unixSocket: String?
    package var tls: TLSSettings?
    package var basicAuth: BasicAuthentication?
    /// The largest answer that is accepted, in bytes; a stream has no limit.
    package var bodyLimit: Int
    /// Whether the request may go out a second time when a kept connection turns out to be dead.
    ///
    /// `nil` decides by the method: only those that HTTP calls idempotent are sent again.
    package var isRepeatable: Bool?
    /// How many seconds a kept connection may have been idle to carry this; 30 unless said otherwise.
    ///
    /// Servers close a connection that is silent for a minute; what is older is not tried, for a request that must not go out
    /// twice would be lost with it.
    package var longestIdle = 30
    /// Whether the answer is to say until when the server's certificate is good; the request then gets a connection of its own,
    /// for a kept one has shown it before.
    package var looksAtCertificate = false

    package init(
        method: String = "GET", url: String, headers: [HTTPHeader] = [], body: [UInt8] = [],
        deadline: Duration = .seconds(30), connectTimeout: Duration = .seconds(5), unixSocket: String? = nil,
        tls: TLSSettings? = nil, basicAuth: BasicAuthentication? = nil, bodyLimit: Int = 64 << 20,
        isRepeatable: Bool? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.connectTimeout = connectTimeout
        self.unixSocket = unixSocket
        self.tls = tls
        self.basicAuth = basicAuth
        self.bodyLimit = bodyLimit
        self.isRepeatable = isRepeatable
    }

    /// Source: RFC 9110, section 9.2.2.
    var maySendTwice: Bool {
        isRepeatable ?? ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(method)
    }
}

/// One header field.
package struct HTTPHeader: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension [HTTPHeader] {
    /// The value of the first field called `name`, whatever its case.
    package func first(named name: String) -> String? {
        let wanted = name.lowercased()
        return first { $0.name.lowercased() == wanted }?.value
    }
}

/// Which certificates to trust and to show.
package struct TLSSettings: Hashable, Sendable {
    /// PEM file of the only authorities that are trusted; `nil` trusts the system's.
    package var authorityFile: String?
    /// PEM file of the client's certificate chain.
    package var certificateFile: String?
    /// PEM file of the client's private key, without a passphrase.
    package var keyFile: String?
    /// Whether the server must prove itself; off only to fetch what is then checked by other means.
    package var verifiesServer: Bool
    /// The same three as PEM text, for those that are in no file of their own; they go before the files.
    package var authorities: String?
    package var certificate: String?
    package var key: String?

    package init(
        authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        verifiesServer: Bool = true
    ) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.verifiesServer = verifiesServer
    }

    /// Material that is held in memory.
    package init(authorities: String, certificate: String? = nil, key: String? = nil) {
        self.init()
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }
}

extension TLSSettings: CustomStringConvertible, CustomDebugStringConvertible {
    /// Never shows the key.
    package var description: String { "TLS settings" }
    package var debugDescription: String { description }
}

/// User and password for HTTP's basic scheme, sent with the first request.
package struct BasicAuthentication: Hashable, Sendable {
    package var user: String
    package var password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }
}
