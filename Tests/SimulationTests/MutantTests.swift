// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Simulation
import Testing

/// The simulator finds bugs: each rule of the protocol, broken on purpose, is caught, and the real one is not.
@Suite("Mutants") struct MutantTests {
    struct Case: Sendable {
        var mutant: Mutant
        /// A seed that caught it when this was written; tried first, since most need many.
        var seed: UInt64
        /// The coincidence without which it does no harm.
        var target: Plan.Target?
    }

    static let cases: [Case] = [
        Case(mutant: .unguardedLeader, seed: 178),
        Case(mutant: .lateFence, seed: 10),
        Case(mutant: .adoptsNothing, seed: 0),
        Case(mutant: .foreignClaims, seed: 27),
        Case(mutant: .trustsFolder, seed: 0, target: .halfInstalled),
        Case(mutant: .timeoutIsProof, seed: 0),
        Case(mutant: .hastyMajority, seed: 0, target: .hiddenLeader),
        Case(mutant: .lateProof, seed: 123, target: .toldByPeers),
        Case(mutant: .deafToStates, seed: 4),
        Case(mutant: .touchBeforeClaim, seed: 57),
        Case(mutant: .deafGuard, seed: 10),
        Case(mutant: .unprovenAbsence, seed: 64),
        Case(mutant: .blindFence, seed: 0),
        Case(mutant: .forgetfulFollower, seed: 20),
        Case(mutant: .noProofOfQuorum, seed: 0),
        Case(mutant: .eagerMover, seed: 0),
        Case(mutant: .silentRefusal, seed: 0),
        Case(mutant: .deafToPorts, seed: 0),
        Case(mutant: .noBrake, seed: 6),
        Case(mutant: .forgetfulSuccessor, seed: 6),
        Case(mutant: .hastySuccessor, seed: 0),
        Case(mutant: .hastyDrain, seed: 0),
        Case(mutant: .trustsRest, seed: 81),
        Case(mutant: .lateReports, seed: 0, target: .lateReport),
        Case(mutant: .forgottenStart, seed: 0, target: .replacedKept),
        Case(mutant: .ignoredResults, seed: 1),
        Case(mutant: .earlyResult, seed: 25),
        Case(mutant: .impatientLeaver, seed: 370),
        Case(mutant: .selfishLeaver, seed: 82),
        Case(mutant: .ignoredLostAnswer, seed: 26, target: .lateOrder),
        Case(mutant: .uncomparedClaim, seed: 1, target: .lateClaim),
    ]

    @Test("a broken rule is caught, and the unbroken one holds", arguments: cases)
    func caught(_ one: Case) throws {
        let search = Search(mutant: one.mutant, target: one.target)
        let summary = search.run([one.seed] + Array(0..<600))
        let failure = try #require(summary.failures.first, "no history of \(summary.histories) catches it")
        #expect(Simulation(plan: search.plan(seed: failure.seed)).run().violation == nil)
    }
}
