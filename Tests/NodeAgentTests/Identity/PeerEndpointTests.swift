// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import HTTPTransport
import Testing

@testable import Agent
@testable import NodeAgent

/// What a machine has written down of itself, and who calls it there.
@Suite("Where another machine is called")
struct PeerEndpointTests {
    private static let strange = [
        "unix:/run/docker.sock", "unix:///run/docker.sock", "/run/docker.sock", "", "x", "tls:", "file:/etc/shadow",
    ]

    @Test("no record leads a machine to a socket of its own", arguments: strange)
    func sockets(text: String) {
        for isSecured in [true, false] { #expect(PeerEndpoint.read(text, isSecured: isSecured) == nil) }
    }

    @Test("in a secured cluster only who has to show a certificate is called, in an open one nobody has one")
    func certificates() {
        let (plain, secured) = ("tcp:10.0.0.1:49153", "tls:10.0.0.1:49154")
        #expect(PeerEndpoint.read(secured, isSecured: true) == .tls(host: "10.0.0.1", port: 49_154))
        #expect(PeerEndpoint.read(plain, isSecured: true) == nil)
        #expect(PeerEndpoint.read("http://10.0.0.1:49153", isSecured: true) == nil)
        #expect(PeerEndpoint.read(plain, isSecured: false) == .tcp(host: "10.0.0.1", port: 49_153))
        #expect(PeerEndpoint.read(secured, isSecured: false) == nil)
        #expect(PeerEndpoint.read(nil, isSecured: true) == nil)
    }

    @Test("journals and peers go by it", arguments: strange + ["tcp:127.0.0.1:80"])
    func callers(text: String) throws {
        let own = try #require(MachineID(String(repeating: "a", count: 32)))
        let other = try #require(MachineID(String(repeating: "b", count: 32)))
        let hostile = MachineRecord(id: other, name: "b", address: "10.0.0.2", apiAddress: text)
        var good = hostile
        good.apiAddress = "tls:10.0.0.2:49154"
        let tls = TLSSettings(verifiesServer: false)
        #expect(RemoteJournal(hostile, tls: tls) == nil)
        #expect(RemoteJournal(good, tls: tls) != nil)
        #expect(Peers.choose(from: [hostile], for: own, by: PeerCalls(tls: tls)).isEmpty)
        #expect(Peers.choose(from: [good], for: own, by: PeerCalls(tls: tls)).map(\.id) == [other])
    }
}
