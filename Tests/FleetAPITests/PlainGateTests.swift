// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@testable import FleetAPIServer

@Suite("What plain TCP lets through")
struct PlainGateTests {
    private static let loopback = APIEndpoint.tcp(host: "127.0.0.1", port: 49_153)

    private func status(
        _ target: String, host: String? = "127.0.0.1:49153", origin: String? = nil, at listener: APIEndpoint = loopback,
        isKnown: Bool = false
    ) -> Int? {
        PlainGate.refusal(target: target, host: host, origin: origin, at: listener, isKnown: isKnown)?.status
    }

    @Test("nobody gets more than health, whatever the path looks like")
    func paths() {
        #expect(status("/healthz") == nil && status("/healthz?x=1") == nil)
        for path in [
            "/", "", "/fleet/v1/units", "/flotilla/v1/join", "/flotilla/v1/authorities", "/healthz/", "/healthz/../x",
        ] {
            #expect(status(path) == 401, "\(path)")
        }
        #expect(status("/fleet/v1/units", isKnown: true) == nil)
    }

    @Test(
        "loopback answers by its own names",
        arguments: [
            ("127.0.0.1", true), ("127.0.0.1:49153", true), ("127.9.9.9", true), ("localhost", true),
            ("LOCALHOST:1", true), ("[::1]:49153", true), ("evil.example", false), ("127.0.0.1.evil.example", false),
            ("localhost.evil", false), ("127.evil.a.b", false), ("10.0.0.1", false), ("", false), ("[::2]", false),
        ])
    func hosts(host: String, isGood: Bool) {
        #expect(status("/healthz", host: host) == (isGood ? nil : 421))
        #expect(status("/fleet/v1/units", host: host, isKnown: true) == (isGood ? nil : 421))
    }

    @Test("no web page gets anything, also where everybody may do everything")
    func origins() {
        #expect(status("/healthz", host: nil) == 421)
        let open = APIEndpoint.tcp(host: "10.0.0.1", port: 1)
        #expect(status("/fleet/v1/units", host: "any.example", at: open, isKnown: true) == nil)
        for origin in ["http://evil.example", "null", ""] {
            #expect(status("/healthz", origin: origin) == 403)
            #expect(status("/fleet/v1/units", host: "any", origin: origin, at: open, isKnown: true) == 403)
        }
    }

    @Test("other addresses are not its concern")
    func others() {
        for listener in [APIEndpoint.unix(path: "/x"), .tls(host: "10.0.0.1", port: 1)] {
            #expect(status("/fleet/v1/units", host: nil, origin: "x", at: listener) == nil)
        }
    }
}
