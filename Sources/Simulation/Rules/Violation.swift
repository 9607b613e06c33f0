// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A rule that a run broke.
package struct Violation: Sendable, Equatable {
    package enum Rule: String, Sendable, CaseIterable {
        /// One copy.
        case r1 = "R1"
        /// One writer.
        case r2 = "R2"
        /// Recovery in time, and convergence at all.
        case r3 = "R3"
        /// etcd may die.
        case r4 = "R4"
        /// What was acknowledged is what runs.
        case r5 = "R5"
        /// Silence at rest.
        case r6 = "R6"
        /// No collateral.
        case r7 = "R7"
        /// No amnesia.
        case r8 = "R8"
        /// Every refusal has a reason.
        case r9 = "R9"
        /// The majority brake.
        case r10 = "R10"
        /// Operations take one unit at a time.
        case r15 = "R15"
        /// Cordon and drain do what an operator expects of them.
        case leaving = "leaving in order"
        /// Two units that ask for one port share no machine.
        case ports = "one unit a port"
        /// Machines that cannot follow their schedules give up one in a lifetime, and only when others can stand in for them.
        case surrender = "giving up in turn"
        /// Work that is done once is done, and is not done again once that is written down.
        case once = "work done once"
    }

    package var rule: Rule
    /// Nanoseconds since the run began.
    package var time: Int64
    package var text: String
}
