// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetAPI
import FleetAPIClient
import Testing

@Suite("operation list, show, watch, pause, resume, abort", .timeLimit(.minutes(1)))
struct OperationCommandTests {
    private static let machines = Fixtures.machines(2)

    private static let drain = API.Operation(
        id: "drain-1", kind: "drain", machine: machines[0].id, by: "user:ann", asked: 1_700_000_000_000,
        state: "paused", reason: "db.service fits nowhere else", limit: 300,
        steps: [API.OperationStep(unit: "web.service", from: machines[0].id, to: machines[1].id, result: "done")])

    private static let move = API.Operation(
        id: "move-1", kind: "move", machine: machines[1].id, unit: "web.service", by: "unix:0",
        asked: 1_700_000_000_000, state: "done", limit: 300, ended: 1_700_000_009_000)

    private func run(_ line: String, _ answers: [String: TransportResponse]) async throws -> CapturedConsole {
        try await CannedAPI(answers).run(
            line.split(separator: " ").map(String.init), fleet: FakeFleet(machines: Self.machines))
    }

    @Test("the list says what each is about, who asked for it and why it stands")
    func list() async throws {
        let answer = try CannedAPI.json(API.OperationList(operations: [Self.drain, Self.move]))
        let captured = try await run("operation list --all", ["GET /flotilla/v1/operations?all=true": answer])
        #expect(
            captured.output == """
                ID       SUBJECT                  STATE   BY        ASKED                 REASON
                drain-1  10000000                 paused  user:ann  2023-11-14 22:13:20Z  db.service fits nowhere else
                move-1   web.service to 11000000  done    root      2023-11-14 22:13:20Z  -

                """)
        let living = try await run("operation list --fields id,kind", ["GET /flotilla/v1/operations": answer])
        #expect(living.output == "ID       KIND\ndrain-1  drain\nmove-1   move\n")
    }

    @Test("show has the steps below")
    func show() async throws {
        let answers = ["GET /flotilla/v1/operations/drain-1": try CannedAPI.json(Self.drain)]
        let captured = try await run("operation show drain-1", answers)
        #expect(
            captured.output.contains(
                "UNIT         FROM      TO        RESULT  REASON\nweb.service  10000000  11000000  done    -\n"))
        let json = try await run("operation show drain-1 --output json", answers)
        #expect(json.output.contains(#""state" : "paused""#))
    }

    @Test("watch ends as the operation does")
    func watch() async throws {
        let done = try await run(
            "operation watch move-1", ["GET /flotilla/v1/operations/move-1": try CannedAPI.json(Self.move)])
        #expect(done.output == "operation move-1 is done\n")
        let error = await #expect(throws: ClusterManagerError.self) {
            try await run(
                "operation watch drain-1", ["GET /flotilla/v1/operations/drain-1": try CannedAPI.json(Self.drain)])
        }
        #expect(error?.exitStatus == .incomplete && error?.message.contains("db.service fits nowhere else") == true)
    }

    @Test(
        "an order is given, and what is so then is said",
        arguments: [
            ("pause", "operation drain-1 is paused; 'operation resume' lets it go on\n"),
            ("resume", "operation drain-1 goes on; 'operation watch' follows it\n"),
            (
                "abort",
                "operation drain-1 is aborted; 10000000 stays cordoned: cluster-manager uncordon 10000000 opens it\n"
            ),
        ])
    func orders(order: String, words: String) async throws {
        let captured = try await run(
            "operation \(order) drain-1",
            ["POST /flotilla/v1/operations/drain-1/\(order)": try CannedAPI.json(Self.drain)])
        #expect(captured.output == words)
    }

    @Test("an operation that there is not is an error with its name")
    func missing() async throws {
        let error = await #expect(throws: ClusterManagerError.self) {
            try await run(
                "operation show x",
                ["GET /flotilla/v1/operations/x": try CannedAPI.refusal(404, "there is no operation x")])
        }
        #expect(error?.message.contains("there is no operation x") == true)
    }
}
