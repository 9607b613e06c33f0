// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("What an operation would do")
struct OperationForecastTests {
    private func forecast(_ cluster: String..., operation: OperationRecord.Kind) throws -> OperationForecast {
        var text = ClusterText()
        for line in cluster { _ = text.events(line) }
        let record = OperationRecord(id: try #require(OperationID("plan")), kind: operation)
        return OperationForecast(record, in: text.state, revision: 100)
    }

    private func words(_ forecast: OperationForecast) -> [String] {
        forecast.steps.map { "\(Short.text($0.unit)) \(Short.text($0.from))-\($0.to.map { Short.text($0) } ?? "?")" }
            + ["\(forecast.state.rawValue)\(forecast.reason.isEmpty ? "" : ": \(forecast.reason)")"]
    }

    @Test("a drain's plan names each unit and where it goes")
    func drain() throws {
        let plan = try forecast(
            "A", "B", "C", "a launched", "A: a launched", "A> a launched", "b launched", "A: b launched",
            "A> b launched", "c loaded", "A: c loaded", "A> c loaded", operation: .drain(Short.machine("A")))
        #expect(words(plan) == ["a A-B", "b A-C", "c A-B", "done"])
    }

    @Test("what fits nowhere is said, after all that goes")
    func stuck() throws {
        let plan = try forecast(
            "A role=x", "B", "a launched MachineMetadata=role=x", "A: a launched", "A> a launched", "b launched",
            "A: b launched", "A> b launched", operation: .drain(Short.machine("A")))
        #expect(words(plan).dropLast() == ["b A-B"])
        #expect(plan.state == .paused && plan.reason.hasPrefix("a.service fits nowhere else: 0 of 2 machines"))
    }

    @Test("a plan of what cannot be says why")
    func refused() throws {
        let plan = try forecast(
            "A", "B role=x", "a launched MachineMetadata=role=x", "B: a launched", "B> a launched",
            operation: .move(Short.unit("a"), to: Short.machine("A")))
        #expect(words(plan).first?.hasPrefix("failed: aaaaaaaa does not take a.service") == true)
    }

    @Test("with the brake set nothing is planned, and the brake is the reason")
    func braked() throws {
        var text = ClusterText()
        for line in ["A", "B", "a launched", "A: a launched", "A> a launched"] { _ = text.events(line) }
        var state = text.state
        state.apply(.brakePut(Brake(lost: [Short.machine("C"), Short.machine("D")], seen: 4, window: 5)))
        let record = OperationRecord(id: try #require(OperationID("plan")), kind: .drain(Short.machine("A")))
        let plan = OperationForecast(record, in: state, revision: 100)
        #expect(plan.steps.isEmpty && plan.state == .running && plan.reason.hasPrefix("brake: 2 of 4 machines"))
    }
}
