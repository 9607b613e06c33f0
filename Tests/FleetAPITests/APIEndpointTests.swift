// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@Suite("Endpoints")
struct APIEndpointTests {
    @Test(
        "each form is understood",
        arguments: [
            ("unix:/run/a.sock", APIEndpoint.unix(path: "/run/a.sock")),
            ("unix:///run/a.sock", .unix(path: "/run/a.sock")),
            ("/run/a.sock", .unix(path: "/run/a.sock")), ("tcp:127.0.0.1:80", .tcp(host: "127.0.0.1", port: 80)),
            ("tcp://node-1:49153", .tcp(host: "node-1", port: 49153)), ("http://host:1", .tcp(host: "host", port: 1)),
            ("http://host:65535/", .tcp(host: "host", port: 65535)), ("tcp:[::1]:80", .tcp(host: "::1", port: 80)),
            ("tls:10.0.0.1:49154", .tls(host: "10.0.0.1", port: 49154)),
            ("https://[::1]:1/", .tls(host: "::1", port: 1)),
        ])
    func forms(text: String, endpoint: APIEndpoint) throws {
        #expect(try APIEndpoint(text) == endpoint)
        #expect(try APIEndpoint(endpoint.description) == endpoint)
    }

    @Test(
        "what is no endpoint is refused with the reason",
        arguments: [
            ("", "empty"), ("api.sock", "kind"), ("unix:run/a.sock", "absolute"), ("unix://run/a.sock", "absolute"),
            ("tcp:host", "port"), ("tcp:host:", "port"), ("tcp:host:0", "port"), ("tcp:host:65536", "port"),
            ("tcp:host:80x", "port"), ("tcp::80", "host"), ("tcp:::1:80", "brackets"), ("tcp:[host]:80", "IPv6"),
            ("http://host:80/path", "port"), ("tcp:ho st:80", "host"), ("http://user@host:80", "host"),
            ("https://host:443/x", "port"), ("tls:host", "port"),
            ("ftp://host:21", "kind"), ("/" + String(repeating: "x", count: 107), "107"),
        ])
    func refusals(text: String, reason: String) {
        let error = #expect(throws: APIError.self) { try APIEndpoint(text) }
        #expect(error?.code == .invalidEndpoint)
        #expect(error?.message.contains(reason) == true)
        #expect(error?.message.contains("unix:/path") == true)
    }
}
