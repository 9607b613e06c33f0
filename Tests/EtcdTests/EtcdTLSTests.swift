// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import HTTPTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EtcdTLSTests {
    private func server() async throws -> EtcdServer {
        var options = EtcdServer.Options()
        options.certificates = try EtcdCertificates.make()
        options.wantsClientCertificates = true
        return try await EtcdServer.start(options)
    }

    @Test("with the right certificates on both sides everything works")
    func right() async throws {
        let server = try await server()
        let client = try server.client(timeout: .seconds(30))
        let first = try await client.put("a", [1])
        let batches = try await collect(client.watch(.key("a"), from: first)) { _ in true }
        #expect(batches.map(\.revision) == [first])
        #expect(server.endpoint.hasPrefix("https://"))
    }

    @Test("a server that cannot be trusted, and certificates that cannot be shown, stop the request")
    func wrong() async throws {
        let server = try await server()
        let good = try #require(server.options.certificates).settings
        let strange = try EtcdCertificates.make()
        var otherAuthority = good
        otherAuthority.authorityFile = strange.authority
        var systemAuthorities = good
        systemAuthorities.authorityFile = nil
        var otherKey = good
        otherKey.keyFile = strange.clientKey
        for (name, settings) in [
            ("another authority", otherAuthority), ("the system's authorities", systemAuthorities),
            ("a key that does not fit", otherKey),
            ("a file that is not there", TLSSettings(authorityFile: "/nowhere/ca.pem")),
        ] {
            let error = try await refusal(of: server, settings)
            #expect(error.code == .tls, "\(name): \(error)")
            #expect(!error.isTransient, "\(name)")
            #expect(!error.mayHaveHappened, "\(name)")
        }
        #expect(try await server.client(timeout: .seconds(30)).get(.key("a"), revision: 0).keys.isEmpty)
    }

    /// As when the cluster's authority is replaced: agents go on with the connections they have, and make new ones.
    @Test("an authority that takes another's place in the file is believed from the next connection on")
    func replacedAuthority() async throws {
        let (former, next) = (try await server(), try await server())
        try await withTemporaryFolder { folder in
            let file = "\(folder)/authorities.pem"
            let client = HTTPClient()
            func ask(_ server: EtcdServer) async throws(HTTPError) -> Int {
                guard var settings = server.options.certificates?.settings else { return 0 }
                settings.authorityFile = file
                return try await client.send(HTTPRequest(url: server.endpoint + "/version", tls: settings)).status
            }
            func believe(_ server: EtcdServer) throws {
                let certificates = try #require(server.options.certificates)
                try write(try SystemdTestFile.read(certificates.authority), to: file)
            }
            try believe(former)
            #expect(try await ask(former) == 200)
            try believe(next)
            #expect(try await ask(next) == 200)
        }
    }

    /// With TLS 1.3 the server refuses after the request is on its way; its alert may be lost when it hangs up.
    @Test("a client that the server does not trust is refused")
    func untrustedClient() async throws {
        let server = try await server()
        let good = try #require(server.options.certificates).settings
        let strange = try EtcdCertificates.make()
        for settings in [
            TLSSettings(authorityFile: good.authorityFile),
            TLSSettings(
                authorityFile: good.authorityFile, certificateFile: strange.clientCertificate,
                keyFile: strange.clientKey),
        ] {
            let error = try await refusal(of: server, settings)
            #expect([.tls, .unreachable].contains(error.code))
            #expect(error.code == .tls ? !error.mayHaveHappened : error.isTransient)
        }
        #expect(try await server.client(timeout: .seconds(30)).get(.key("a"), revision: 0).keys.isEmpty)
    }

    private func refusal(of server: EtcdServer, _ settings: TLSSettings) async throws -> EtcdError {
        let client = try EtcdClient(
            EtcdConfiguration(endpoints: [server.endpoint], tls: settings, requestTimeout: .seconds(30)))
        return try await #require(throws: EtcdError.self) { try await client.put("a", [1]) }
    }

    @Test("a certificate for another host is refused")
    func otherName() async throws {
        // The server listens on both addresses, and its certificate names only 127.0.0.1.
        var options = EtcdServer.Options()
        options.certificates = try EtcdCertificates.make()
        options.secondAddress = "127.0.0.2"
        let server = try await EtcdServer.start(options)
        var configuration = server.configuration(timeout: .seconds(30))
        #expect(try await EtcdClient(configuration).put("a", [1]) > 0)
        configuration.endpoints = ["https://127.0.0.2:\(server.clientPort)"]
        let error = try await #require(throws: EtcdError.self) { try await EtcdClient(configuration).put("a", [1]) }
        #expect(error.code == .tls)
    }

    @Test("a bad member does not keep a client from a good one")
    func failOver() async throws {
        let server = try await server()
        let strange = try await self.server()
        var configuration = server.configuration(timeout: .seconds(30))
        configuration.endpoints = [strange.endpoint, server.endpoint]
        // Its handshake may take a while on a busy host.
        configuration.connectTimeout = .seconds(20)
        #expect(try await EtcdClient(configuration).put("a", [1]) > 0)
    }
}
