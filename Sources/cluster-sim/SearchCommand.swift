// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Simulation

/// Looks for histories that break a rule.
struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Run many seeds and report those that break a rule.",
        usage: "cluster-sim search --seeds <seeds> [<options>]",
        discussion: "Exit status: 0 when every rule held in every history, 1 when not. A failing history is shrunk.")

    @Option(help: "First and last seed, such as 0..9999.")
    var seeds: SeedRange
    @Option(help: "Stop after so many minutes.")
    var minutes: Double?
    @Option(help: "How many run at once.")
    var jobs = 2
    @Option(help: "How long operations and faults go on in each history, in simulated seconds (at least 20).")
    var seconds = 60
    @Option(help: "Break a rule of the protocol on purpose.")
    var mutant: Mutant?
    @Option(
        help:
            "One coincidence instead of any faults: \(Plan.Target.allCases.map(\.rawValue).joined(separator: ", ")).")
    var target: Plan.Target?
    @Flag(help: "Run the shells that ship, not their mirrors.")
    var shipped = false
    @Option(help: "Break a port of the shells that ship.")
    var brokenPort: BrokenPort?
    @Option(help: "Stop after so many failing histories.")
    var failures = 3

    func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let deadline = minutes.map { start + .seconds($0 * 60) }
        let range = seeds.range
        let count = max(1, jobs)
        let search = Search(
            seconds: seconds, mutant: mutant, failureLimit: failures, target: target,
            isShipped: shipped || brokenPort != nil, brokenPort: brokenPort)
        let summary = await withTaskGroup(of: Search.Summary.self) { group in
            for job in 0..<count {
                group.addTask { @concurrent in
                    let own = stride(from: UInt64(job), to: UInt64(range.count), by: count).map {
                        range.lowerBound + $0
                    }
                    return search.run(own) { deadline.map { clock.now < $0 } ?? true }
                }
            }
            return await group.reduce(into: Search.Summary()) { $0.add($1) }
        }
        report(summary, of: search, took: clock.now - start)
        if !summary.failures.isEmpty { throw ExitCode(1) }
    }

    private func report(_ summary: Search.Summary, of search: Search, took: Duration) {
        let milliseconds = max(1, Int(took / .milliseconds(1)))
        for failure in summary.failures.sorted(by: { $0.seed < $1.seed }) {
            Report.show(
                "seed \(failure.seed) breaks \(failure.violation.rule.rawValue) at "
                    + "\(Report.seconds(failure.violation.time)): \(failure.violation.text)")
        }
        if let first = summary.failures.min(by: { $0.seed < $1.seed }) {
            let plan = search.plan(seed: first.seed)
            let small = Shrinker.shrink(plan, rule: first.violation.rule, by: search.simulation)
            Report.show(
                "seed \(first.seed), shrunk to \(small.events.count) of \(plan.events.count) operations and faults:")
            for event in small.events { Report.show("  " + Report.text(event)) }
        }
        Report.show(
            "\(summary.histories) histories of \(seconds) s, \(summary.faults) faults, \(summary.events) events in "
                + "\(milliseconds) ms: \(summary.histories * 1000 / milliseconds) a second; \(summary.failures.count) broke a rule"
        )
        Report.show(
            "longest recovery \(Report.seconds(summary.longestRecovery)) (seed \(summary.slowestSeed)); longest takeover "
                + "after a single failure \(Report.seconds(summary.longestTakeover))")
    }
}

/// `A..B`, both included.
struct SeedRange: ExpressibleByArgument {
    var range: Range<UInt64>

    init?(argument: String) {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: true)
        guard let first = parts.first.flatMap({ UInt64($0) }), let last = parts.last.flatMap({ UInt64($0) }),
            parts.count <= 2, first <= last, last < .max
        else { return nil }
        range = first..<last + 1
    }
}
