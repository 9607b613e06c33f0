// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@testable import ClusterManager

@Suite("What lists say of the brake") struct BrakeWarningTests {
    private static let words = "brake: 3 of 5 machines vanished; `cluster-manager brake release`"

    @Test(
        "a brake that is set is told beside the list, which stays as it is", arguments: ["list-machines", "list-units"])
    func set(command: String) async throws {
        let report = API.BrakeReport(isSet: true, words: Self.words, lost: ["a"], seen: 5, since: 1)
        let braked = try await CannedAPI(["GET /flotilla/v1/brake": try CannedAPI.json(report)]).run(command)
        let free = try await CannedAPI(["GET /flotilla/v1/brake": try CannedAPI.json(API.BrakeReport(isSet: false))])
            .run(command)
        #expect(braked.errors == "cluster-manager: \(Self.words)\n")
        #expect(braked.output == free.output)
        #expect(free.errors.isEmpty)
    }

    @Test("a server that knows no brake is no error", arguments: ["list-machines", "list-units"])
    func unknown(command: String) async throws {
        #expect(try await CannedAPI([:]).run(command).errors.isEmpty)
    }
}
