// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Simulation
import Testing

/// Whole histories, with all faults and operations, in which the shells that ship run.
@Suite("Histories of the shells that ship") struct ShippedHistoryTests {
    private static func search(_ port: BrokenPort? = nil, _ target: Plan.Target? = nil) -> Search {
        Search(target: target, isShipped: true, brokenPort: port)
    }

    @Test("one seed makes one history, and another seed another", arguments: [0, 2, 7, 12, 15] as [UInt64])
    func determinism(seed: UInt64) {
        let search = Self.search()
        let outcomes = [seed, seed, seed + 16].map { search.simulation(of: search.plan(seed: $0)).run() }
        #expect(outcomes[0].hash == outcomes[1].hash)
        #expect(outcomes[0].events == outcomes[1].events)
        #expect(outcomes[0].hash != outcomes[2].hash)
    }

    @Test("every rule holds in a search")
    func search() {
        let wanted = ProcessInfo.processInfo.environment["FLOTILLA_SHIPPED_HISTORIES"].flatMap { UInt64($0) } ?? 50
        var search = Self.search()
        search.failureLimit = 3
        let summary = search.run(0..<wanted)
        #expect(summary.histories > 0)
        for failure in summary.failures {
            let command = "cluster-sim run --shipped --seed \(failure.seed) --shrink --trace"
            Issue.record("\(failure.violation.rule.rawValue): \(failure.violation.text); \(command)")
        }
    }

    @Test("coincidences that are brought about on purpose break no rule", arguments: Plan.Target.allCases)
    func targets(target: Plan.Target) {
        // 43 is the moment between the note of a restart and its order.
        let summary = Self.search(nil, target).run([43] + Array(0..<10))
        #expect(summary.histories == 11)
        for failure in summary.failures {
            Issue.record("\(target.rawValue) \(failure.seed): \(failure.violation.text)")
        }
    }

    @Test("machines boot, units run and are taken over: what the rules are about takes place")
    func substance() throws {
        let search = Self.search()
        let outcome = search.simulation(of: search.plan(seed: 7)).run(isTold: true)
        #expect(outcome.violation == nil)
        #expect(outcome.takeover != nil, "the units of the machine that fails run elsewhere")
        #expect(outcome.story.count { $0.hasSuffix(".service starts") } > 4)
    }

    struct Case: Sendable {
        var port: BrokenPort
        /// A seed that caught it when this was written; tried first.
        var seed: UInt64
    }

    static let cases: [Case] = [
        Case(port: .deafGuard, seed: 0),
        Case(port: .lostClaimsGranted, seed: 4),
        Case(port: .stillClock, seed: 0),
        Case(port: .emptyFence, seed: 0),
        Case(port: .lossyWatch, seed: 3),
        Case(port: .unguardedLeader, seed: 0),
    ]

    @Test(
        "a port that does not do what it promises is caught, and the same history holds with one that does",
        arguments: cases)
    func caught(_ one: Case) throws {
        let search = Self.search(one.port)
        let summary = search.run([one.seed] + Array(0..<200))
        let failure = try #require(summary.failures.first, "no history of \(summary.histories) catches it")
        let whole = Self.search()
        #expect(whole.simulation(of: whole.plan(seed: failure.seed)).run().violation == nil)
    }

    @Test("every broken port is in the table") func table() {
        #expect(Set(Self.cases.map(\.port)) == Set(BrokenPort.allCases))
    }
}
