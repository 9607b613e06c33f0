// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Simulation
import Testing

@Suite("Simulation") struct SimulationTests {
    @Test("one seed makes one history, told or not", arguments: [0, 5, 7, 15, 267] as [UInt64])
    func determinism(seed: UInt64) {
        let plan = Plan(seed: seed, seconds: 40)
        let first = Simulation(plan: plan).run()
        let second = Simulation(plan: plan).run(isTold: true)
        #expect(first.hash == second.hash)
        #expect(first.events == second.events)
        #expect(first.story.isEmpty && !second.story.isEmpty)
    }

    @Test("no order of a dictionary or set leaks into a history: two processes tell the same", arguments: [3, 7, 14])
    func otherProcess(seed: Int) throws {
        let first = try report(seed: seed)
        #expect(first.contains("hash "))
        #expect(try report(seed: seed) == first)
    }

    /// What the program prints of one history; each process hashes with a seed of its own.
    private func report(seed: Int) throws -> String {
        let folder = try #require(CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments.first)
        let products = folder.split(separator: "/").prefix { !$0.hasSuffix(".xctest") && !$0.hasSuffix("-runner") }
        let program = "/" + products.joined(separator: "/") + "/cluster-sim"
        let stream = try #require(popen("'\(program)' run --seconds 40 --seed \(seed)", "r"))
        defer { pclose(stream) }
        var text = ""
        var buffer = [CChar](repeating: 0, count: 4096)
        while fgets(&buffer, Int32(buffer.count), stream) != nil {
            text += String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return text
    }

    @Test("different seeds make different histories")
    func differentSeeds() {
        let hashes = (0..<8 as Range<UInt64>).map { Simulation(plan: Plan(seed: $0, seconds: 20)).run().hash }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test(
        "seeds that once found a bug hold every rule",
        arguments: [35, 41, 104, 121, 267, 369, 468, 621, 889, 5185, 5530, 6212, 6425, 7384, 13585, 21793] as [UInt64])
    func regressions(seed: UInt64) {
        let violation = Simulation(plan: Plan(seed: seed, seconds: 60)).run().violation
        #expect(violation == nil, "cluster-sim run --seed \(seed) --shrink --trace")
    }

    @Test("rare coincidences that are brought about on purpose break no rule", arguments: Plan.Target.allCases)
    func targets(target: Plan.Target) {
        let summary = Search(target: target).run(0..<200)
        #expect(summary.histories == 200)
        for failure in summary.failures {
            Issue.record("\(target.rawValue) \(failure.seed): \(failure.violation.text)")
        }
    }

    @Test("every rule holds in a search")
    func search() {
        let wanted = ProcessInfo.processInfo.environment["FLOTILLA_SIM_HISTORIES"].flatMap { UInt64($0) } ?? 60
        let summary = Search(failureLimit: 3).run(10_000..<10_000 + wanted)
        #expect(summary.histories > 0)
        for failure in summary.failures {
            let rule = failure.violation.rule.rawValue
            let command = "cluster-sim run --seed \(failure.seed) --shrink --trace"
            Issue.record("\(rule): \(failure.violation.text); \(command)")
        }
    }

    @Test("a failing history shrinks to one that breaks the same rule")
    func shrinking() throws {
        let search = Search(mutant: .noProofOfQuorum).run(0..<64)
        let failure = try #require(search.failures.first)
        let plan = Plan(seed: failure.seed, seconds: 60)
        let small = Shrinker.shrink(
            plan, rule: failure.violation.rule, budget: 60,
            by: Search(mutant: .noProofOfQuorum).simulation)
        #expect(small.events.count < plan.events.count)
        #expect(
            Simulation(plan: small, mutant: .noProofOfQuorum).run().violation?.rule == failure.violation.rule)
    }
}
