// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("slow answers")
struct ObservedFleetTests {
    /// A cluster that lists its machines only once something has been printed.
    private struct SlowFleet: FleetService {
        let captured: CapturedConsole

        func machines() async throws -> [FleetMachine] {
            try await captured.waitForErrors("list machines: no answer yet (")
            return []
        }

        func units() async throws -> [FleetUnit] { [] }
        func unit(_: UnitName) async throws -> FleetUnit? { nil }
        func create(_: UnitName, file _: UnitSource, target _: TargetState) async throws {}
        func replace(_: UnitName, file _: UnitSource, target _: TargetState) async throws {}
        func setTarget(_: TargetState, of _: UnitName) async throws {}
        func restart(_: UnitName) async throws {}
        func destroy(_: UnitName) async throws -> Bool { false }
        func states(of _: UnitName?) async throws -> [FleetUnitState] { [] }
        func explanation(of _: UnitName) async throws -> FleetExplanation? { nil }
        func changeMetadata(of _: String, _: [MetadataEdit]) async throws {}
        func journal(_: FleetJournalQuery) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error> {
            AsyncThrowingStream { $0.finish() }
        }
        func events(of _: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error> {
            AsyncThrowingStream { $0.finish() }
        }
    }

    @Test("a person at a terminal sees that an answer is being waited for, until it is there")
    func slow() async {
        let captured = CapturedConsole(isTerminal: true)
        let program = Program(console: captured.console, environment: [:]) { _ in SlowFleet(captured: captured) }
        #expect(await program.run(["list-machines"]) == .success)
        #expect(captured.output == "MACHINE  IP  METADATA\n")
        #expect(captured.errors.hasSuffix("\r\u{1B}[K"))
    }
}
