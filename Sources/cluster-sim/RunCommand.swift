// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Simulation

/// Replays one history.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the history of one seed.",
        usage: "cluster-sim run --seed <seed> [<options>]",
        discussion: "Exit status: 0 when every rule held, 1 when one was broken.")

    @Option(help: "The history's number.")
    var seed: UInt64
    @Option(help: "How long operations and faults go on, in simulated seconds (at least 20).")
    var seconds = 60
    @Option(
        help: "Break a rule of the protocol on purpose: \(Mutant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mutant: Mutant?
    @Option(help: "One coincidence instead of any faults, as in search.")
    var target: Plan.Target?
    @Flag(help: "Run the shells that ship, not their mirrors.")
    var shipped = false
    @Option(
        help:
            "Break a port of the shells that ship: \(BrokenPort.allCases.map(\.rawValue).joined(separator: ", ")).")
    var brokenPort: BrokenPort?
    @Flag(help: "Tell the whole story.")
    var trace = false
    @Flag(help: "Leave out of a failing history what it does not need to fail, and tell that story.")
    var shrink = false

    func run() async throws {
        var plan = target.map { Plan(seed: seed, target: $0) } ?? Plan(seed: seed, seconds: seconds)
        func simulation(_ plan: Plan) -> Simulation {
            Simulation(
                plan: plan, mutant: mutant, isShipped: shipped || brokenPort != nil, brokenPort: brokenPort)
        }
        var outcome = simulation(plan).run(isTold: trace && !shrink)
        if shrink, let violation = outcome.violation {
            plan = Shrinker.shrink(plan, rule: violation.rule, by: simulation)
            outcome = simulation(plan).run(isTold: trace)
        }
        for line in outcome.story { Report.show(line) }
        if shrink { for event in plan.events { Report.show(Report.text(event)) } }
        Report.show(Report.text(outcome, plan))
        if outcome.violation != nil { throw ExitCode(1) }
    }
}

extension BrokenPort: ExpressibleByArgument {}
extension Mutant: ExpressibleByArgument {}
extension Plan.Target: ExpressibleByArgument {}
