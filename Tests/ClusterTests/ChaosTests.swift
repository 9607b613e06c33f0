// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// Faults at random, and a check of the rules that knows nothing but what the units themselves wrote down.
    @Suite("chaos") struct ChaosTests {
        /// Seconds that a loaded host may take for what it does in six; the figures printed are without it.
        private static let recovery = "45"

        @Test("a minute of power cuts, pulled cables, frozen and killed agents and stores break no rule")
        func chaos() async throws {
            let cluster = try Cluster.shared
            let outcome = try await cluster.run(
                "bin/local-cluster",
                ["chaos", "--minutes", "1", "--seed", "8", "--recovery", Self.recovery])
            for line in outcome.lines { print("figure: chaos: \(line)") }
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(outcome.lines.last == "R1, R3, R4 and R7 held")
        }
    }
}
