// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How a unit that runs once came to its end: one entry under `results/`, which outlives the machine that ran it.
///
/// It stands until the user asks for something else of the unit: every change of the unit's record deletes it.
package struct Completion: Hashable, Sendable {
    package var unit: UnitName
    /// The machine that ran it.
    package var machine: MachineID
    /// The file that was run.
    package var hash: ContentHash
    /// The `restarts` number that the run was for.
    package var restarts: Int
    package var isSuccess: Bool
    /// When it ended, in milliseconds since 1970 by the machine's clock; 0 when unknown.
    package var moment: Int64

    package init(
        unit: UnitName, machine: MachineID, hash: ContentHash, restarts: Int, isSuccess: Bool, moment: Int64 = 0
    ) {
        self.unit = unit
        self.machine = machine
        self.hash = hash
        self.restarts = restarts
        self.isSuccess = isSuccess
        self.moment = moment
    }

    /// Whether both say the same of the same work, whenever it was done.
    func isSame(as other: Completion) -> Bool {
        var other = other
        other.moment = moment
        return self == other
    }

    /// Whether what `assignment` orders has been done, so that it is not to be run again.
    package func covers(_ assignment: Assignment) -> Bool {
        unit == assignment.unit && hash == assignment.hash && restarts == assignment.restarts
            && assignment.target == .launched
    }
}

/// A completion on its way into the store, with the revision of the order that it fulfils.
package struct CompletionReport: Hashable, Sendable {
    package var completion: Completion
    /// The report is void when the order has another mod revision by then: the user wants something else.
    package var revision: Int64

    package init(_ completion: Completion, revision: Int64) {
        self.completion = completion
        self.revision = revision
    }
}

/// How a job of systemd's for a unit ended, as far as it tells of a run.
package enum JobEnd: String, Hashable, Sendable, CaseIterable {
    case done
    case failed
    /// Taken back or replaced by another one: what the unit does next says nothing about its work.
    case cancelled
}
