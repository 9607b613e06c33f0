// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@testable import ClusterManager

@Suite("What cluster adopt says before it acts")
struct AdoptionPlanTests {
    private func refusing(_ name: String, found: String? = "b2", units: [String] = [], unknown: [String]? = [])
        -> API.StoreReport
    {
        API.StoreReport(
            machine: name, name: name, isRefused: true, known: "a1", found: found, wanted: 3, units: units,
            unknown: unknown, problem: found == nil ? "no answer" : nil)
    }

    @Test("it names the store, what each machine stops, and the machines that cannot be asked")
    func words() throws {
        let plan = try AdoptionPlan([
            refusing("one", units: ["a.service", "b.service"], unknown: ["b.service"]), refusing("two"),
            API.StoreReport(machine: "3", name: "three", isRefused: false),
            API.StoreReport(silent: "4", name: "four", problem: "it is off"),
        ])
        #expect(plan.found == "b2")
        #expect(
            plan.lines == [
                "etcd cluster b2 is there now (known was a1); it holds 3 units",
                "one: refuses; of its 2 units the store does not know and so stops: 1 (b.service)",
                "two: refuses; of its 0 units the store does not know and so stops: none",
                "three: refuses no store", "four: cannot be asked: it is off",
                "agents that refuse forget the store they knew and begin anew with this one",
            ])
    }

    @Test("a store with the same id was set back or emptied")
    func sameID() throws {
        let plan = try AdoptionPlan([refusing("one", found: "a1")])
        #expect(plan.lines[0].contains("(the same id, but set back or emptied)"))
    }

    @Test(
        "it does nothing without a single store that somebody refuses",
        arguments: [
            ([], "no machine refuses its store"), (["b2", "c3"], "different stores (b2, c3)"),
            ([nil], "cannot be looked at: no answer"),
        ] as [([String?], String)])
    func refused(_ stores: [String?], _ words: String) throws {
        let error = try #require(throws: ClusterManagerError.self) {
            _ = try AdoptionPlan(stores.map { refusing("one", found: $0) })
        }
        #expect(error.message.contains(words), "\(error)")
    }
}
