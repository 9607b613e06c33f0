// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Runs many histories and sums up what they showed.
package struct Search: Sendable {
    package struct Failure: Sendable {
        package var seed: UInt64
        package var violation: Violation
    }

    package struct Summary: Sendable {
        package var histories = 0
        package var events = 0
        package var faults = 0
        /// Nanoseconds; the longest way from the end of the faults to rest.
        package var longestRecovery: Int64 = 0
        /// Nanoseconds; the longest time in which the units of the one failed machine ran elsewhere.
        package var longestTakeover: Int64 = 0
        package var slowestSeed: UInt64 = 0
        package var failures: [Failure] = []

        package init() {}

        package mutating func add(_ outcome: Simulation.Outcome, seed: UInt64) {
            histories += 1
            events += outcome.events
            faults += outcome.faults
            if let recovery = outcome.recovery, recovery > longestRecovery {
                (longestRecovery, slowestSeed) = (recovery, seed)
            }
            longestTakeover = max(longestTakeover, outcome.takeover ?? 0)
            if let violation = outcome.violation { failures.append(Failure(seed: seed, violation: violation)) }
        }

        package mutating func add(_ other: Summary) {
            histories += other.histories
            events += other.events
            faults += other.faults
            if other.longestRecovery > longestRecovery {
                (longestRecovery, slowestSeed) = (other.longestRecovery, other.slowestSeed)
            }
            longestTakeover = max(longestTakeover, other.longestTakeover)
            failures += other.failures
        }
    }

    package var seconds: Int
    package var mutant: Mutant?
    /// Ends after so many failures.
    package var failureLimit: Int
    /// A coincidence that every history is to be about; `nil` for whatever the seed brings.
    package var target: Plan.Target?

    /// See `Simulation`.
    package var isShipped: Bool
    package var brokenPort: BrokenPort?

    package init(
        seconds: Int = 60, mutant: Mutant? = nil, failureLimit: Int = 1, target: Plan.Target? = nil,
        isShipped: Bool = false, brokenPort: BrokenPort? = nil
    ) {
        self.isShipped = isShipped
        self.brokenPort = brokenPort
        self.seconds = seconds
        self.mutant = mutant
        self.failureLimit = failureLimit
        self.target = target
    }

    package func plan(seed: UInt64) -> Plan {
        target.map { Plan(seed: seed, target: $0) } ?? Plan(seed: seed, seconds: seconds)
    }

    package func simulation(of plan: Plan) -> Simulation {
        Simulation(plan: plan, mutant: mutant, isShipped: isShipped, brokenPort: brokenPort)
    }

    /// Runs the seeds in order until they or the patience of `mayGoOn` are at an end.
    package func run(_ seeds: some Sequence<UInt64>, while mayGoOn: () -> Bool = { true }) -> Summary {
        var summary = Summary()
        for seed in seeds {
            guard mayGoOn() else { break }
            let plan = plan(seed: seed)
            summary.add(simulation(of: plan).run(), seed: seed)
            if summary.failures.count >= failureLimit { break }
        }
        return summary
    }
}
