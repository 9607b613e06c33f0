// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Registry
import Synchronization
import TestSupport
import Testing

@testable import NodeAgent

/// A server with TLS as an agent has it, and clients of every kind, good and bad.
@Suite("Who is let in over TLS", .timeLimit(.minutes(3)))
struct RefusalTests {
    private static let machine = String(repeating: "a", count: 32)
    private static let other = String(repeating: "b", count: 32)

    private func withRig(
        _ limits: FleetAPIServer.Limits = FleetAPIServer.Limits(), _ body: (SecuredServer) async throws -> Void
    ) async throws {
        let registry = ClusterRegistry(store: MemoryStore())
        let routes = PeerRoutes(registry: registry, proof: { _ in nil }).routes
        try await SecuredServer.serve(routes, before: registry, as: Self.machine, limits: limits) { rig async throws in
            rig.records.machines.withLock { $0[Self.machine] = 0 }
            try await body(rig)
        }
    }

    /// What somebody is told whose certificate is good, and whom the cluster does not know.
    private static func words(_ who: String) -> String { "the cluster knows no \(who), or has revoked it; " }

    private func expectRefusal(
        _ status: Int, _ reason: String, _ rig: SecuredServer, _ client: FleetClient,
        told words: String = "a certificate of this cluster is needed; ",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let error = await #expect(throws: APIError.self, sourceLocation: sourceLocation) {
            _ = try await client.units()
        }
        #expect(error?.status == status, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        // The operator learns why; the caller learns no more than that he has proven himself and is not known.
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        #expect(
            rig.notebook.reasons.last?.contains(reason) == true, "\(rig.notebook.reasons)",
            sourceLocation: sourceLocation)
        #expect(error?.message.contains(reason) != true, sourceLocation: sourceLocation)
    }

    @Test("before etcd has been read who has a certificate is told so, and who has none learns nothing")
    func unread() async throws {
        try await withRig { rig async throws in
            rig.records.areRead.withLock { $0 = false }
            let error = await #expect(throws: APIError.self) { _ = try await rig.client(.user("ada")).units() }
            #expect(error?.status == 503 && error?.message.contains("no certificate can be judged") == true)
            let foreign = try CertificateAuthority(cluster: "default", now: Date())
            await expectRefusal(401, "authority", rig, try rig.client(.user("ada"), by: foreign))
            rig.records.areRead.withLock { $0 = true }
            await expectRefusal(
                401, "user ada is unknown", rig, try rig.client(.user("ada")), told: Self.words("user ada"))
        }
    }

    @Test("only a living user's certificate of this cluster's authority opens the door")
    func refusals() async throws {
        try await withRig { rig async throws in
            rig.records.users.withLock { $0 = ["ada": (.admin, 0), "old": (.admin, 0)] }
            #expect(try await rig.client(.user("ada")).units().isEmpty)
            #expect(rig.notebook.reasons.isEmpty)

            let authorities = TLSSettings(authorityFile: rig.identity.folder.authoritiesFile)
            await expectRefusal(401, "no certificate", rig, rig.client(authorities))
            let impostor = try CertificateAuthority(cluster: "default", now: Date())
            await expectRefusal(401, "unknown authority", rig, try rig.client(.user("ada"), by: impostor))
            let expired = try rig.client(.user("ada"), issued: Date() - 7200, life: 3600)
            await expectRefusal(401, "expired", rig, expired)
            await expectRefusal(
                401, "unknown or was revoked", rig, try rig.client(.user("eve")), told: Self.words("user eve"))
            let elsewhere = try CertificateAuthority(
                cluster: "other", certificatePEM: rig.authority.certificatePEM, keyPEM: rig.authority.keyPEM)
            await expectRefusal(401, "belongs to cluster other", rig, try rig.client(.user("ada"), by: elsewhere))
            await expectRefusal(
                401, "unknown or was revoked", rig, try rig.client(.machine(Self.other)),
                told: Self.words("machine \(Self.other)"))
        }
    }

    @Test("who cannot believe the server is told so, and not that nobody is there")
    func disbelief() async throws {
        try await withRig { rig async throws in
            let impostor = try CertificateAuthority(cluster: "default", now: Date())
            let client = rig.client(TLSSettings(authorities: impostor.trust.pem))
            let error = await #expect(throws: APIError.self) { _ = try await client.units() }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("answers, but not with TLS that both sides believe") == true)
            #expect(error?.message.contains("nobody answers") == false, "\(error?.message ?? "")")
        }
    }

    @Test("a revocation works on a connection that is open, and a certificate from before it stays refused")
    func revocation() async throws {
        try await withRig { rig async throws in
            rig.records.users.withLock { $0["ada"] = (.admin, 0) }
            let ada = try rig.client(.user("ada"), issued: Date() - 60)
            #expect(try await ada.units().isEmpty)
            rig.records.users.withLock { $0["ada"] = nil }
            await expectRefusal(401, "unknown or was revoked", rig, ada, told: Self.words("user ada"))
            // The same name is given anew: its former certificate does not come back to life.
            rig.records.users.withLock { $0["ada"] = (.viewer, Int64(Date().timeIntervalSince1970)) }
            await expectRefusal(
                401, "was revoked", rig, ada, told: "the cluster has revoked this certificate of user ada; ")
            #expect(try await rig.client(.user("ada")).units().isEmpty)
        }
    }

    @Test(
        "a stream ends when its caller is revoked, gets another role, or his certificate ends, and not before",
        arguments: ["revoked", "demoted", "expired"])
    func streamEnds(cause: String) async throws {
        try await withRig { rig async throws in
            rig.records.users.withLock { $0["ada"] = (.admin, 0) }
            let ada = try rig.client(.user("ada"), life: cause == "expired" ? 4 : 3600)
            // Who is let in until the end sees that the stream is one: it lasts over several looks at its caller.
            let began = ContinuousClock.now
            let stream = try await ada.events()
            let end = Task { for try await _ in stream {} }
            switch cause {
            case "revoked": rig.records.users.withLock { $0["ada"] = nil }
            case "demoted": rig.records.users.withLock { $0["ada"] = (.viewer, 0) }
            default: break
            }
            _ = await end.result
            if cause == "expired" { #expect(ContinuousClock.now - began > .seconds(3)) }
        }
    }

    @Test("a viewer starts nothing, a machine speaks for itself alone")
    func roles() async throws {
        try await withRig { rig async throws in
            rig.records.users.withLock { $0 = ["vera": (.viewer, 0), "otto": (.operator, 0)] }
            let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n")
            let unit = API.Unit(name: "a.service", desiredState: "launched", contents: file.text)
            let refused = await #expect(throws: APIError.self) {
                _ = try await rig.client(.user("vera")).create(unit)
            }
            #expect(refused?.status == 403)
            #expect(try await rig.client(.user("vera")).units().isEmpty)
            #expect(rig.notebook.reasons.last?.contains("role viewer") == true)
            try await rig.client(.user("otto")).create(unit)
            #expect(try await rig.client(.user("vera")).units().map(\.name) == ["a.service"])

            let machine = try rig.client(.machine(Self.machine))
            let foreign = await #expect(throws: APIError.self) {
                _ = try await machine.renew(API.Renewal(lease: "1"), of: Self.other)
            }
            #expect(foreign?.status == 403)
            // Its own lease is looked for, and there is none.
            let own = await #expect(throws: APIError.self) {
                _ = try await machine.renew(API.Renewal(lease: "1"), of: Self.machine)
            }
            #expect(own?.status == 409)
            let reading = await #expect(throws: APIError.self) { _ = try await machine.units() }
            #expect(reading?.status == 403)
        }
    }

    @Test(
        "the kernel's word decides on the unix socket, and plain TCP is nobody unless the operator said otherwise")
    func local() async throws {
        try await withRig { rig async throws in
            let recognition = CertificateRecognition(identity: rig.identity, records: rig.records)
            let root = await recognition.caller(at: .unix(user: 0, group: 0, process: 1))
            #expect(root.identity == .user(.admin))
            #expect(root.name == "unix:0")
            let other = await recognition.caller(at: .unix(user: 65_533, group: 0, process: 1))
            #expect(other.identity == .user(.operator))
            let plain = await recognition.caller(at: .plain(address: "127.0.0.1"))
            #expect(plain == .unknown(origin: "127.0.0.1", reason: "plain TCP shows no certificate"))
            let open = CertificateRecognition(identity: rig.identity, records: rig.records, plain: .everything)
            #expect(await open.caller(at: .plain(address: "10.0.0.9")).identity == .user(.admin))
        }
    }

    @Test("TLS before 1.3 is refused, and plain HTTP gets nothing")
    func protocols() async throws {
        try await withRig { rig async throws in
            guard case .tls(let host, let port) = rig.endpoint else { return }
            let authorities = rig.identity.folder.authoritiesFile
            func curl(_ words: String...) async throws -> Shell.Outcome {
                try await Shell.run(
                    ["curl", "--silent", "--show-error", "--max-time", "10", "--cacert", authorities] + words)
            }
            let url = "https://\(host):\(port)/fleet/v1/units"
            let new = try await curl("--tlsv1.3", "--write-out", "%{http_code}", "--output", "/dev/null", url)
            #expect(new.output == "401")
            let old = try await curl("--tls-max", "1.2", url)
            #expect(old.status == 35, "\(old.error)")
            let plain = try await curl("http://\(host):\(port)/fleet/v1/units")
            #expect(plain.status != 0)
            #expect(plain.output.isEmpty)
        }
    }

    @Test("a viewer's streams end at their number, and leave others and machines theirs")
    func viewerStreams() async throws {
        var limits = FleetAPIServer.Limits()
        (limits.bounds[.viewer].streams, limits.bounds[.viewer].allStreams) = (2, 3)
        try await withRig(limits) { rig async throws in
            rig.records.users.withLock { $0 = ["vera": (.viewer, 0), "vic": (.viewer, 0), "olaf": (.operator, 0)] }
            let vera = try rig.client(.user("vera"))
            var streams: [AsyncThrowingStream<API.Event, any Error>.AsyncIterator] = []
            func open(_ client: FleetClient) async throws {
                var stream = try await client.events().makeAsyncIterator()
                #expect(try await stream.next(isolation: #isolation)?.change == .sync)
                streams.append(stream)
            }
            for client in [vera, vera, try rig.client(.user("vic"))] { try await open(client) }
            for client in [vera, try rig.client(.user("vic"))] {
                let error = await #expect(throws: APIError.self) { _ = try await client.events() }
                #expect(error?.status == 429, "\(error?.message ?? "")")
            }
            #expect(rig.notebook.reasons.isEmpty, "no refusal for want of rights")
            try await open(try rig.client(.user("olaf")))
            #expect(try await vera.units().isEmpty)
            // Machines read nothing here, and are told so rather than that there are too many.
            let machine = await #expect(throws: APIError.self) {
                _ = try await rig.client(.machine(Self.machine)).events()
            }
            #expect(machine?.status == 403)
        }
    }

    @Test("strangers have bodies of 16 KiB, and what they send is not read on")
    func strangerBody() async throws {
        try await withRig { rig async throws in
            guard case .tls(let host, let port) = rig.endpoint else { return }
            let sent = try await Shell.run(
                [
                    "bash", "-c",
                    "head -c 4000000 /dev/zero | curl --silent --insecure --max-time 20 --write-out '%{http_code} %{size_upload}'"
                        + " --output /dev/null --request POST --upload-file - https://\(host):\(port)/flotilla/v1/peer/store",
                ])
            #expect(sent.output.hasPrefix("401 "), "\(sent)")
        }
    }

    @Test("handshakes that never go on are cut off, and others are served", arguments: ["", "\u{16}\u{3}\u{1}"])
    func halfOpenHandshake(hello: String) async throws {
        var limits = FleetAPIServer.Limits()
        // It bounds the good client below as well.
        limits.request = .seconds(5)
        try await withRig(limits) { rig async throws in
            guard case .tls(let host, let port) = rig.endpoint else { return }
            // bash ends when the server closes what it has opened.
            let script = "exec 3<>/dev/tcp/\(host)/\(port); printf '\(hello)' >&3; cat <&3 >/dev/null"
            let silent = try await Shell.run(["timeout", "60", "bash", "-c", script])
            #expect(silent.status == 0, "the server waits for ever: \(silent.error)")
            rig.records.users.withLock { $0["ada"] = (.admin, 0) }
            #expect(try await rig.client(.user("ada")).units().isEmpty)
        }
    }

    @Test("a renewed certificate and a new authority are taken up while the server runs")
    func rotation() async throws {
        try await withRig { rig async throws in
            rig.records.users.withLock { $0["ada"] = (.admin, 0) }
            let next = try CertificateAuthority(cluster: "default", now: Date())
            let before = try rig.client(.user("ada"), by: next)
            let error = await #expect(throws: APIError.self) { _ = try await before.units() }
            #expect(error?.status == 401)
            let both = rig.authority.trust.joined(with: next.trust).pem
            let vouch = try rig.authority.vouch(for: next, now: Date())
            // Somebody who may write the record names an authority of his own.
            let impostor = try CertificateAuthority(cluster: "default", now: Date())
            for (bundle, vouches) in [
                (both, []), (both, [try impostor.vouch(for: next, now: Date())]), (impostor.trust.pem, [vouch]),
                (rig.authority.trust.joined(with: impostor.trust).pem, [vouch, impostor.certificatePEM]),
            ] {
                let refused = #expect(throws: IdentityError.self) {
                    try rig.identity.believe(bundle, vouches: vouches, now: Date())
                }
                #expect(refused?.code == .unknownAuthority)
            }
            #expect(rig.identity.trust.generation == 0)
            try rig.identity.believe(both, vouches: [vouch], now: Date())
            #expect(try await rig.client(.user("ada"), by: next).units().isEmpty)
            #expect(try await rig.client(.user("ada")).units().isEmpty)
            let key = KeyPair()
            let foreign = #expect(throws: IdentityError.self) {
                try rig.identity.renew(
                    certificate: try impostor.issue(
                        try CertificateRequest(pem: try key.request(name: "x")), for: .machine(Self.machine),
                        now: Date()), key: key, etcdCertificate: nil)
            }
            #expect(foreign?.code == .unknownAuthority)
            try rig.identity.renew(
                certificate: try next.issue(
                    try CertificateRequest(pem: try key.request(name: "x")), for: .machine(Self.machine),
                    addresses: ["127.0.0.1"], now: Date()), key: key, etcdCertificate: nil)
            try rig.identity.believe(next.trust.pem, vouches: [], now: Date())
            // Now the server itself shows a certificate that only the new authority's believers take.
            #expect(try await rig.client(.user("ada"), by: next).units().isEmpty)
            let late = await #expect(throws: APIError.self) { _ = try await rig.client(.user("ada")).units() }
            #expect(late?.status == 401)
        }
    }
}

extension SecuredServer {
    /// A client that shows what `authority`, or another one, made for `principal`.
    fileprivate func client(
        _ principal: Principal, by signer: CertificateAuthority? = nil, issued: Date = Date(),
        life: TimeInterval = 3600
    ) throws -> FleetClient {
        client(try credentials(principal, by: signer, issued: issued, life: life))
    }

    fileprivate func client(_ tls: TLSSettings) -> FleetClient {
        FleetClient(endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: tls))
    }
}
