// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a record proves, with the figures that say how much.
package struct RecordVerdict: Sendable {
    package let record: ChaosRecord
    /// Each broken promise: rule, moment since the beginning of the run, unit, and what was seen.
    package var broken: [String] = []
    /// Processes that ended before the record did.
    package var ended = 0
    /// Faults by which no unit may end.
    package var harmlessFaults = 0
    /// How often a unit ran again after a fault that stood alone.
    package var recoveries = 0
    /// Milliseconds from a fault that stood alone to the last of its units running again.
    package var longestRecovery: Int?
    /// Milliseconds from the last of several faults, or from the return of the store.
    package var longestRecoveryFromSeveral: Int?

    init(_ record: ChaosRecord) { self.record = record }

    /// A record without faults or without units proves nothing.
    package var isEmpty: Bool { record.faults.isEmpty || record.runs.isEmpty || record.beats == 0 }

    /// For people.
    package var report: [String] {
        let units = Set(record.runs.map(\.unit)).count
        let kinds = ChaosRecord.Fault.Kind.allCases.compactMap { kind in
            let count = record.faults.count { $0.kind == kind }
            return count == 0 ? nil : "\(kind.rawValue) \(count)"
        }
        var lines = [
            "seed \(record.seed): \(units) units, \(Self.seconds(record.end - record.begin)), \(record.faults.count) faults "
                + "(\(kinds.joined(separator: ", ")))",
            "\(record.runs.count) processes, \(ended) of them ended by faults, \(record.beats) beats; \(harmlessFaults) faults "
                + "may end nothing",
        ]
        if let longestRecovery {
            lines.append(
                "longest way from a single fault to its units running again: \(Self.seconds(longestRecovery)) "
                    + "(of \(recoveries))")
        }
        if let longestRecoveryFromSeveral {
            lines.append("longest after several faults or the store's: \(Self.seconds(longestRecoveryFromSeveral))")
        }
        if let longest = record.stalls.map(\.length).max() {
            lines.append("the host itself stood still \(record.stalls.count) times, at most \(Self.seconds(longest))")
        }
        if isEmpty {
            lines.append("no faults or no units: this record proves nothing")
        } else {
            lines += broken.map { "BROKEN \($0)" }
            if broken.isEmpty { lines.append("R1, R3, R4 and R7 held") }
        }
        return lines
    }

    /// With two places.
    static func seconds(_ milliseconds: Int) -> String {
        let rest = milliseconds % 1000 / 10
        return "\(milliseconds / 1000).\(rest < 10 ? "0" : "")\(rest) s"
    }
}
