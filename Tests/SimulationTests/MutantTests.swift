// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Simulation
import Testing

/// The simulator finds bugs: each rule of the protocol, broken on purpose, is caught, and the real one is not.
@Suite("Mutants") struct MutantTests {
    struct Case: Sendable {
        var mutant: Mutant
        /// A seed that catches it; found by `cluster-sim search --mutant`.
        var seed: UInt64
        var rule: Violation.Rule
    }

    static let cases: [Case] = [
        Case(mutant: .unguardedLeader, seed: 26, rule: .r2),
        Case(mutant: .lateFence, seed: 10, rule: .r1),
        Case(mutant: .adoptsNothing, seed: 0, rule: .r3),
        Case(mutant: .foreignClaims, seed: 35, rule: .r3),
        Case(mutant: .trustsFolder, seed: 1619, rule: .r3),
        Case(mutant: .timeoutIsProof, seed: 0, rule: .r1),
        Case(mutant: .deafToStates, seed: 4, rule: .r1),
        Case(mutant: .touchBeforeClaim, seed: 29, rule: .r3),
        Case(mutant: .deafGuard, seed: 10, rule: .r1),
        Case(mutant: .unprovenAbsence, seed: 528, rule: .r1),
        Case(mutant: .blindFence, seed: 0, rule: .r1),
        Case(mutant: .forgetfulFollower, seed: 20, rule: .r9),
        Case(mutant: .noProofOfQuorum, seed: 0, rule: .r4),
        Case(mutant: .eagerMover, seed: 0, rule: .r7),
        Case(mutant: .silentRefusal, seed: 0, rule: .r9),
    ]

    @Test("a broken rule is caught, and the unbroken one holds", arguments: cases)
    func caught(_ one: Case) {
        let plan = Plan(seed: one.seed, seconds: 60)
        #expect(Simulation(plan: plan, mutant: one.mutant).run().violation?.rule == one.rule)
        #expect(Simulation(plan: plan).run().violation == nil)
    }
}
