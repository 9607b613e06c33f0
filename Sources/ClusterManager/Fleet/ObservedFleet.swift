// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// A cluster whose requests are told on standard error: each with `--debug`, slow ones to a person at a terminal.
package struct ObservedFleet: FleetService {
    private let fleet: any FleetService
    private let stream: Console.Stream
    private let tellsAll: Bool

    /// From when on a person is shown that an answer is being waited for.
    private static let patience: Duration = .seconds(1)

    /// Watches over `fleet`; `tellsAll` is what `--debug` asks for.
    package init(_ fleet: any FleetService, stream: Console.Stream, tellsAll: Bool) {
        self.fleet = fleet
        self.stream = stream
        self.tellsAll = tellsAll
    }

    private func told<Answer>(_ what: String, _ request: () async throws -> Answer) async throws -> Answer {
        let clock = ContinuousClock()
        let start = clock.now
        func tell(_ outcome: String) {
            guard tellsAll else { return }
            let (seconds, attoseconds) = start.duration(to: clock.now).components
            let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
            stream.line("debug: \(what): \(outcome) after \(milliseconds) ms")
        }
        let notice = stream.isTerminal ? Task { await showSlowness(of: what, since: start) } : nil
        let outcome: Result<Answer, any Error>
        do { outcome = .success(try await request()) } catch { outcome = .failure(error) }
        notice?.cancel()
        // The line must be wiped away before anything else is printed.
        await notice?.value
        switch outcome {
        case .success: tell("ok")
        case .failure(let error): tell("\(error)")
        }
        return try outcome.get()
    }

    /// Shows a line that moves from the first second on, until cancelled.
    private func showSlowness(of what: String, since start: ContinuousClock.Instant) async {
        var line = ProgressLine(stream)
        defer { line.clear() }
        var pause = Self.patience
        while (try? await Task.sleep(for: pause)) != nil {
            line.show("\(what): no answer yet (\(start.duration(to: .now).inWords))")
            pause = .milliseconds(250)
        }
    }

    package func units() async throws -> [FleetUnit] { try await told("list units") { try await fleet.units() } }

    package func unit(_ name: UnitName) async throws -> FleetUnit? {
        try await told("read unit \(name)") { try await fleet.unit(name) }
    }

    package func create(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        try await told("create \(name) as \(target.rawValue)") {
            try await fleet.create(name, file: file, target: target)
        }
    }

    package func replace(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        try await told("replace \(name) as \(target.rawValue)") {
            try await fleet.replace(name, file: file, target: target)
        }
    }

    package func setTarget(_ target: TargetState, of name: UnitName) async throws {
        try await told("set \(name) to \(target.rawValue)") { try await fleet.setTarget(target, of: name) }
    }

    package func restart(_ name: UnitName) async throws {
        try await told("restart \(name)") { try await fleet.restart(name) }
    }

    package func destroy(_ name: UnitName) async throws -> Bool {
        try await told("destroy \(name)") { try await fleet.destroy(name) }
    }

    package func states(of unit: UnitName?) async throws -> [FleetUnitState] {
        try await told("list states" + (unit.map { " of \($0)" } ?? "")) { try await fleet.states(of: unit) }
    }

    package func machines() async throws -> [FleetMachine] {
        try await told("list machines") { try await fleet.machines() }
    }

    package func explanation(of name: UnitName) async throws -> FleetExplanation? {
        try await told("explain \(name)") { try await fleet.explanation(of: name) }
    }

    package func changeMetadata(of machine: String, _ changes: [MetadataEdit]) async throws {
        try await told("change metadata of \(machine)") { try await fleet.changeMetadata(of: machine, changes) }
    }

    package func events(of units: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error> {
        try await told("follow events") { try await fleet.events(of: units) }
    }

    package func journal(
        _ query: FleetJournalQuery
    ) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error> {
        try await told("read the journal") { try await fleet.journal(query) }
    }
}
