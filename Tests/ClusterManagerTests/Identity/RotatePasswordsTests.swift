// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Testing

@testable import ClusterManager

@Suite("cluster store rotate-passwords")
struct RotatePasswordsTests {
    private static let ids = ["a1", "a2", "a3", "a4"].map { String(repeating: $0, count: 16) }
    private static let root = "POST /flotilla/v1/authorities/password/rotate"
    private static let list = "GET /flotilla/v1/identities"
    private static let words = "cluster store rotate-passwords --timeout 0.1 --no-legend".split(separator: " ").map(
        String.init)

    private static func member(_ index: Int, revoked: Int64? = nil, isAwaited: Bool? = nil) -> API.Member {
        API.Member(
            id: ids[index], name: "m\(index)", roles: ["agent"], joinedAt: 0, revokedAt: revoked,
            passwordAwaited: isAwaited)
    }

    private static func asking(_ index: Int) -> String { "POST /flotilla/v1/machines/\(ids[index])/password/rotate" }

    /// m0 answers, m1 is there and does not, m2 is off, m3 is revoked.
    private func api(kept: String? = nil, isAwaited: Bool = true) throws -> CannedAPI {
        let machines = (0...1).map { API.Machine(id: Self.ids[$0], primaryIP: "10.0.0.\($0)", metadata: [:]) }
        let after = [
            Self.member(0), Self.member(1, isAwaited: isAwaited ? true : nil), Self.member(2, isAwaited: true),
            Self.member(3, revoked: 1),
        ]
        return CannedAPI([
            Self.root: try CannedAPI.json(API.RootPasswordReport(kept: kept)),
            Self.list: try CannedAPI.json(API.MemberList(machines: after)),
            "GET /fleet/v1/machines?all=true": try CannedAPI.json(API.MachinePage(machines: machines)),
            Self.asking(0): TransportResponse(status: 204), Self.asking(1): TransportResponse(status: 204),
            Self.asking(2): TransportResponse(status: 204),
        ])
    }

    @Test("the authority comes first, then each machine, and each is told of; who has none yet makes it partly done")
    func machines() async throws {
        let api = try api()
        let captured = CapturedConsole()
        let error = await #expect(throws: ClusterManagerError.self) {
            _ = try await api.run(Self.words, on: captured)
        }
        #expect(error?.code == .partial && error?.message.hasPrefix("2 of 3 machines have their former") == true)
        let lines = captured.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 4, "\(captured.output)")
        for (line, parts) in zip(
            lines,
            [
                ["authority (root)", "new password"], ["m0", "new password"], ["m1", "not answered in time"],
                ["m2", "takes a new one when it is back"],
            ])
        {
            for part in parts { #expect(line.contains(part), "\(line)") }
        }
        let changes = api.asked.filter { $0.hasPrefix("POST") }
        #expect(changes == [Self.root] + (0...2).map(Self.asking))
    }

    @Test("a machine whose session ends while it is waited for is told as absent, and not waited for any longer")
    func vanished() async throws {
        func machines(_ ids: ArraySlice<String>) throws -> TransportResponse {
            try CannedAPI.json(
                API.MachinePage(machines: ids.map { API.Machine(id: $0, primaryIP: "10.0.0.1", metadata: [:]) }))
        }
        let listing = "GET /fleet/v1/machines?all=true"
        let api = CannedAPI(
            [
                Self.root: try CannedAPI.json(API.RootPasswordReport()),
                Self.list: try CannedAPI.json(API.MemberList(machines: [Self.member(0, isAwaited: true)])),
                listing: try machines([]), Self.asking(0): TransportResponse(status: 204),
            ], first: [listing: [.success(try machines(Self.ids[..<1])), .success(try machines(Self.ids[..<1]))]])
        let captured = CapturedConsole()
        let words = ["cluster", "store", "rotate-passwords", "--timeout", "60", "--no-legend"]
        await #expect(throws: ClusterManagerError.self) { _ = try await api.run(words, on: captured) }
        #expect(captured.output.contains("absent: takes a new one when it is back"), "\(captured.output)")
        // Once for all machines, and then for as long as it was there.
        #expect(api.asked.count { $0 == listing } == 3)
    }

    @Test("nothing is asked of any machine where the authority is not there")
    func noAuthority() async throws {
        let api = CannedAPI([Self.root: try CannedAPI.refusal(503, "etcd does not answer")])
        await #expect(throws: ClusterManagerError.self) { _ = try await api.run(Self.words) }
        #expect(api.asked == [Self.root])
    }

    @Test("a machine that is refused stops no other, and a root that other clusters use is told of and is no failure")
    func refused() async throws {
        let api = try api(kept: "cluster lab logs in with it, too", isAwaited: false)
        let captured = CapturedConsole()
        let error = await #expect(throws: ClusterManagerError.self) {
            _ = try await api.run(Self.words + ["--output", "json"], on: captured)
        }
        #expect(error?.message.hasPrefix("1 of 3 machines") == true, "\(error?.message ?? "")")
        #expect(captured.output.contains("former password: cluster lab logs in with it, too"), "\(captured.output)")
    }
}
