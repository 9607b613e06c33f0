// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FoundationEssentials
import Testing

@testable import ClusterManager

@Suite("Whom etcd lets in, as commands say it")
struct OpenStoreTests {
    private static let closed = API.StoreMember(
        endpoint: "https://10.0.0.1:2379", version: "3.6.9", isPlain: false, takesStrangers: false, asksForLogin: true,
        letsUsersPastTheirRights: false, certificateEndsAt: 1_830_000_000_000, certificateEndsSoon: false)

    private func store(_ members: API.StoreMember...) async throws -> (output: String, errors: String) {
        let api = CannedAPI([
            "GET /flotilla/v1/store/openness?look=now": try CannedAPI.json(API.StoreOpenness(members: members))
        ])
        let captured = try await api.run("cluster store --no-legend")
        return (captured.output, captured.errors)
    }

    @Test("a closed one is told in one line, and nothing is warned of")
    func closed() async throws {
        let told = try await store(Self.closed)
        let words = told.output.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        #expect(
            words == [["https://10.0.0.1:2379", "3.6.9", "closed", "asked", "until", "2027-12-28", "13:20:00Z"]],
            "\(told.output)")
        #expect(told.errors.isEmpty)
    }

    @Test("what stands open is said with what to do about it")
    func open() async throws {
        var (plain, strangers, logins, old, ending) = (Self.closed, Self.closed, Self.closed, Self.closed, Self.closed)
        ending.certificateEndsSoon = true
        (plain.isPlain, plain.takesStrangers) = (true, true)
        strangers.takesStrangers = true
        logins.asksForLogin = false
        (old.version, old.letsUsersPastTheirRights) = ("3.4.23", true)
        for (member, table, warning) in [
            (plain, "taken, without TLS", "takes anybody who reaches it"), (strangers, "taken", "cluster certificate"),
            (logins, "not asked", "cluster-manager cluster init"), (old, "3.4.23", "GHSA-rfx7-8w68-q57q"),
            (ending, "until", "is good until 2027-12-28T13:20:00Z"),
        ] {
            let told = try await store(Self.closed, member)
            #expect(told.output.contains(table), "\(told.output)")
            #expect(told.errors.contains(warning), "\(told.errors)")
            #expect(told.errors.split(separator: "\n").count == 1, "\(told.errors)")
        }
    }

    @Test("an insecure cluster is told of with each status, in one line, and one that has certificates is not")
    func insecure() async throws {
        for (isInsecure, lines) in [(true, 1), (false, 0), (nil, 0)] as [(Bool?, Int)] {
            let openness = API.StoreOpenness(members: [Self.closed], isInsecure: isInsecure)
            #expect(openness.warnings.count == lines)
            let api = CannedAPI([
                "GET /flotilla/v1/store/openness": try CannedAPI.json(openness),
                "GET /flotilla/v1/store/openness?look=now": try CannedAPI.json(openness),
            ])
            for words in ["--status", "cluster store"] {
                let told = try await api.run(words).errors
                #expect(told.split(separator: "\n").count == lines, "\(words): \(told)")
                #expect(told.contains("this cluster is insecure: ") == (lines == 1), "\(words): \(told)")
            }
        }
        // A server that does not know the word.
        let old = try JSONDecoder().decode(API.StoreOpenness.self, from: Data(#"{"members":[]}"#.utf8))
        #expect(old.isInsecure == nil && old.warnings.isEmpty)
    }

    @Test("of a member that could not be asked nothing is said to be so")
    func silent() async throws {
        let told = try await store(API.StoreMember(endpoint: "https://10.0.0.2:2379", isPlain: false))
        #expect(told.output.split(separator: "\n").count == 1 && !told.output.contains("closed"))
        #expect(told.errors.isEmpty)
    }
}
