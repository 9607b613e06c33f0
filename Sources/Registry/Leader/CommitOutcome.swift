// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What came of a list of schedule steps.
package struct CommitOutcome: Hashable, Sendable {
    package enum Batch: Hashable, Sendable {
        /// All steps of the batch are in the store as of this revision.
        case committed(revision: Int64)
        /// The leadership no longer holds: nothing of the batch was written, and nothing ever will be.
        case deposed
        /// These steps were not written because the machine whose absence they rest on is there; plan them anew.
        case stale([ScheduleStep])
    }

    package var batches: [Batch]

    package init(batches: [Batch] = []) { self.batches = batches }

    /// Whether the leadership was found to be lost.
    package var isDeposed: Bool { batches.contains(.deposed) }

    /// The steps that have to be planned anew.
    package var staleSteps: [ScheduleStep] {
        batches.flatMap { batch -> [ScheduleStep] in
            if case .stale(let steps) = batch { steps } else { [] }
        }
    }

    /// The newest revision at which something was written; 0 when nothing was.
    package var revision: Int64 {
        batches.map { batch -> Int64 in
            if case .committed(let revision) = batch { revision } else { 0 }
        }.max() ?? 0
    }
}
