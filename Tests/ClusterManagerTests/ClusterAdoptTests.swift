// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Testing

@testable import ClusterManager

@Suite("cluster adopt")
struct ClusterAdoptTests {
    private static func survey(_ refuses: Bool, _ other: Bool) throws -> TransportResponse {
        try CannedAPI.json(
            API.StoreSurvey(machines: [
                API.StoreReport(machine: "a", name: "worker-1", isRefused: refuses, known: "1", found: "2"),
                API.StoreReport(machine: "b", name: "worker-2", isRefused: other, known: "1", found: "2"),
            ]))
    }

    @Test("an order whose answer is lost with the agent that was asked is judged by what came of it")
    func lostAnswer() async throws {
        let away = Result<TransportResponse, TransportFailure>.failure(TransportFailure(.unreachable, "refused"))
        for (isLeft, words) in [(false, "worker-2: refuses no store\n"), (true, "worker-2: refuses; the order's")] {
            let api = CannedAPI(
                ["GET /flotilla/v1/store": try Self.survey(false, isLeft)],
                first: [
                    "GET /flotilla/v1/store": [.success(try Self.survey(true, true)), away],
                    "POST /flotilla/v1/store/adoption": [.failure(TransportFailure(.broken, "empty reply"))],
                ])
            let captured = CapturedConsole()
            var failure: ClusterManagerError?
            do {
                try await api.run(["cluster", "adopt", "--yes"], output: captured.console.output)
            } catch let error as ClusterManagerError {
                failure = error
            }
            #expect(captured.output.contains("worker-1: refuses no store\n"))
            #expect(captured.output.contains(words), "\(captured.output)")
            #expect(failure?.code == (isLeft ? .partial : nil))
            #expect(api.asked.count { $0.hasPrefix("POST") } == 1)
        }
    }
}
