// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@testable import ClusterManager

@Suite("slow answers")
struct ObservedFleetTests {
    /// A cluster that lists its machines only once something has been printed.
    private struct SlowFleet: FleetService {
        let captured: CapturedConsole
        var words = "list machines: no answer yet ("

        func machines() async throws -> [FleetMachine] {
            try await captured.waitForErrors(words)
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

    private static func observer(_ stream: Console.Stream, silence: Duration) -> RequestObserver {
        RequestObserver(stream, patience: .init(silence: silence), changes: PendingChanges { _ in })
    }

    @Test(
        "elsewhere a line says it, once for all requests; who asked for JSON gets an object", arguments: [false, true])
    func silence(isJSON: Bool) async throws {
        let captured = CapturedConsole()
        let stream = isJSON ? captured.console.inJSON.errors : captured.console.errors
        let words = "the cluster has not answered for 0 s; still asking"
        let fleet = ObservedFleet(
            SlowFleet(captured: captured, words: words), Self.observer(stream, silence: .milliseconds(1)))
        for _ in 0..<2 { _ = try await fleet.machines() }
        #expect(captured.errors == (isJSON ? #"{"note":"\#(words)"}"# : "cluster-manager: \(words)") + "\n")
    }

    @Test("an answer in time is told of by nothing, and a wait that tells of the silence itself by nothing else")
    func quiet() async throws {
        let captured = CapturedConsole()
        _ = try await ObservedFleet(FakeFleet(), Self.observer(captured.console.errors, silence: .seconds(3600)))
            .machines()
        let impatient = ObservedFleet(FakeFleet(), Self.observer(captured.console.errors, silence: .zero))
        try await RequestObserver.$isSilenceTold.withValue(true) { _ = try await impatient.machines() }
        #expect(captured.errors.isEmpty)
        _ = try await impatient.machines()
        #expect(!captured.errors.isEmpty)
    }
}
