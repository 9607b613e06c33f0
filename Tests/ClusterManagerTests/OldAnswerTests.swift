// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import Testing

@testable import ClusterManager

/// What commands make of answers that agents give from memory while etcd is away.
@Suite("answers from memory")
struct OldAnswerTests {
    private static let old = TransportResponse(
        status: 200, headers: [(API.asOfHeader, "2026-01-01T00:00:00Z"), ("Age", "9")])
    private static let words = "etcd does not answer; this is as of 2026-01-01T00:00:00Z, 9 s ago"

    /// Runs a command line where every answer is from before etcd went.
    private static func run(_ line: String, on fleet: FakeFleet) async -> Session {
        let captured = CapturedConsole()
        let program = Program(
            console: captured.console, environment: [:],
            connect: { settings in
                settings.ages.note(Self.old)
                return fleet
            })
        let status = await program.run(line.split(separator: " ").map(String.init))
        return Session(status: status, output: captured.output, errors: captured.errors)
    }

    private static func fleet() throws -> FakeFleet {
        let away = ClusterManagerError(.unavailable, "cannot create w@2.service: etcd does not answer")
        return FakeFleet(
            units: [
                try Fixtures.unit("web.service", machine: Fixtures.id("10")),
                try Fixtures.unit("w@.service", .inactive),
                try Fixtures.unit("w@1.service", machine: Fixtures.id("10")),
            ], refusals: ["create w@2.service launched": away])
    }

    @Test(
        "a command that is to change something takes none of them for an outcome",
        arguments: [
            "stop nobody", "unload nobody", "destroy nobody", "load web", "submit web", "restart nobody", "stop w@",
            "scale w@ 1 --no-block", "scale w@ 2 --no-block", "--stop", "metadata set 9999 a=b",
        ])
    func changes(line: String) async throws {
        let fleet = try Self.fleet()
        let session = await Self.run(line, on: fleet)
        #expect(session.status == .unreachable, "\(session)")
        #expect(session.errors.components(of: Self.words) == 1, "\(session.errors)")
        #expect(await fleet.requests.isEmpty)
    }

    @Test("a file that is as it was in the cluster is no outcome either, and a dry run only asks")
    func apply() async throws {
        try await Fixtures.withFolder(["web.service": Fixtures.plainText]) { folder in
            let session = await Self.run("apply \(folder)/web.service", on: try Self.fleet())
            #expect(session.status == .unreachable)
            #expect(session.errors.contains("0 created, 0 replaced, 1 unchanged\n"))
            #expect(
                session.errors.hasSuffix(
                    "cluster-manager: \(Self.words), and nobody knows whether it still holds; try again when etcd answers\n"
                ))
            let dry = await Self.run("apply --dry-run \(folder)/web.service", on: try Self.fleet())
            #expect(dry.status == .success && dry.errors == "cluster-manager: \(Self.words)\n")
        }
    }

    @Test(
        "a question has its answer, with the age beside it",
        arguments: [
            ("list-units", ClusterManager.ExitStatus.success), ("list-unit-files", .success), ("cat web", .success),
            ("explain web", .success), ("destroy --dry-run web", .success), ("status w@", .failure),
            ("cat nobody", .failure), ("is-active web", .notActive), ("is-active nobody", .unknownUnit),
        ])
    func questions(line: String, status: ClusterManager.ExitStatus) async throws {
        let session = await Self.run(line, on: try Self.fleet())
        #expect(session.status == status, "\(session)")
        #expect(session.errors.contains("cluster-manager: \(Self.words)\n"), "\(session.errors)")
    }

    @Test("an error of usage, and one that says itself that etcd is away, need no age")
    func plainErrors() async throws {
        let usage = await Self.run("scale web 2", on: try Self.fleet())
        #expect(usage.status == .failure && !usage.errors.contains("etcd"))
        let away = ClusterManagerError(.unavailable, "cannot set web.service: etcd does not answer")
        let fleet = FakeFleet(
            units: [try Fixtures.unit("web.service", machine: Fixtures.id("10"))],
            refusals: ["set web.service loaded": away])
        let session = await Self.run("stop web", on: fleet)
        #expect(session.status == .unreachable && session.errors == "cluster-manager: \(away.message)\n")
    }

    @Test("the newest answer counts, and a refusal tells nothing of its age")
    func newest() {
        let ages = AnswerAges()
        ages.note(Self.old)
        ages.note(TransportResponse(status: 404))
        ages.note(TransportResponse(status: 503))
        #expect(ages.words == Self.words)
        ages.note(TransportResponse(status: 200))
        #expect(ages.words == nil)
        let body = AsyncThrowingStream<[UInt8], any Error> { $0.finish() }
        ages.note(TransportStream(status: 200, headers: Self.old.headers, body: body))
        #expect(ages.words == Self.words)
        ages.note(TransportStream(status: 200, body: body))
        #expect(ages.words == nil)
    }

    @Test("what a stream of events tells behind the present state is of now")
    func news() async throws {
        let ages = AnswerAges()
        ages.note(Self.old)
        let cluster = RunningCluster(machines: 1)
        let service = APIService(access: cluster, version: "9.9")
        let fleet = FleetClientAdapter(
            FleetClient(endpoint: .unix(path: "/test.sock"), transport: DirectTransport(service: service)), ages: ages)
        let name = UnitName(unchecked: "web.service")
        let file = try UnitFile(parsing: Fixtures.plainText)
        for try await event in try await fleet.events(of: []) {
            if case .unit = event { break }
            guard event == .synchronised else { continue }
            #expect(ages.words == Self.words)
            _ = try await cluster.createUnit(name, file: file, target: .launched)
        }
        #expect(ages.words == nil)
    }
}

extension String {
    /// How often `text` stands in it.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
