// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FoundationEssentials
import HTTPTransport
import TestSupport
import Testing

@Suite("How open etcd is", .timeLimit(.minutes(5)))
struct StoreOpennessTests {
    private func look(_ endpoint: String, _ tls: TLSSettings? = nil) async -> StoreOpenness {
        await StoreOpenness.of(endpoint, showing: tls, by: HTTPClient(), within: .seconds(30))
    }

    @Test("a plain etcd takes anybody, and asks for a login once its logins are on")
    func plain() async throws {
        let server = try await EtcdServer.start()
        let open = await look(server.endpoint)
        #expect(open.isPlain && open.takesStrangers == true && open.asksForLogin == false)
        let client = try server.client(timeout: .seconds(30))
        _ = try await client.addUser("root", password: "x")
        _ = try await client.addRole("root")
        _ = try await client.grantRole("root", to: "root")
        try await client.enableAuth()
        #expect(await look(server.endpoint).asksForLogin == true)
    }

    @Test("one with TLS takes strangers until it asks them for certificates")
    func encrypted() async throws {
        var options = EtcdServer.Options()
        let certificates = try EtcdCertificates.make()
        options.certificates = certificates
        let server = try await EtcdServer.start(options)
        let open = await look(server.endpoint, certificates.settings)
        #expect(!open.isPlain && open.takesStrangers == true && open.version != nil)
        options.wantsClientCertificates = true
        let closed = try await EtcdServer.start(options)
        let found = await look(closed.endpoint, certificates.settings)
        #expect(found.takesStrangers == false && found.version == open.version)
    }

    @Test("until when its certificate is good is told, also once it is not")
    func certificateEnd() async throws {
        var options = EtcdServer.Options()
        options.wantsClientCertificates = true
        for days in [2, 40] {
            let certificates = try EtcdCertificates.make(days: days)
            options.certificates = certificates
            let server = try await EtcdServer.start(options)
            let end = try #require(await look(server.endpoint, certificates.settings).certificateEnd)
            let openssl = try await Shell.run(
                [
                    "openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in",
                    certificates.serverCertificate,
                ])
            let told = Date(timeIntervalSince1970: Double(end)).formatted(
                .iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
            #expect(openssl.output.contains("notAfter=\(told)Z"), "\(openssl.output) \(told)")
            // An authority that is not the server's: as little believed as one whose time is over.
            let stranger = TLSSettings(
                authorityFile: try EtcdCertificates.make().authority, certificateFile: certificates.clientCertificate,
                keyFile: certificates.clientKey)
            let doubted = await look(server.endpoint, stranger)
            #expect(doubted.version == nil && doubted.certificateEnd == end)
        }
    }

    @Test("of one that does not answer nothing is said")
    func silent() async throws {
        let server = try await EtcdServer.start()
        server.kill()
        #expect(
            await look(server.endpoint)
                == StoreOpenness(
                    endpoint: server.endpoint, isPlain: true, takesStrangers: nil, asksForLogin: nil, version: nil))
    }

    @Test(
        "a version says whether users keep to their rights",
        arguments: [
            ("3.3.27", true), ("3.4.23", true), ("3.4.41", true), ("3.4.42", false), ("3.4.100", false),
            ("3.5.1", true), ("3.5.27", true), ("3.5.28", false), ("3.6.8", true), ("3.6.9", false),
            ("3.6.9-rc.1", false), ("3.7.0", false), ("4.0.0", false),
        ])
    func versions(text: String, isOld: Bool) throws {
        let version = try #require(EtcdVersion(text))
        #expect(version.letsUsersPastTheirRights == isOld)
    }

    @Test(
        "what is no version is none", arguments: ["", "3", "3.4", "3.4.", "3.4.x", "3.4.5.6", "3.-4.5", "3.4.1234567"])
    func noVersion(text: String) { #expect(EtcdVersion(text) == nil) }
}
