// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// How units that run once came to their ends.
///
/// A machine writes the result of its own run; whoever changes the unit's record deletes it in the same transaction.
extension ClusterRegistry {
    /// Writes that units have done their work, each if its assignment still is the one that the machine acted on.
    ///
    /// Repeating a report whose answer was lost is harmless.
    ///
    /// - Returns: The units whose assignments had changed or gone, in the order given; nothing was written for them.
    /// - Throws: `.sessionLost` when the tenure has ended.
    @discardableResult
    package func record(_ reports: [CompletionReport], in tenure: Tenure) async throws(RegistryError) -> [UnitName] {
        let revisions = try await commit(
            guarded: reports.map { report in
                GuardedWrite(
                    conditions: [
                        .init(
                            key: keys.assignment(tenure.machine, report.completion.unit), modRevision: report.revision)
                    ],
                    operation: .put(keys.result(report.completion.unit), ResultEntry(report.completion).bytes))
            }, in: tenure, while: "recording \(reports.count) results")
        return zip(reports, revisions).filter { $1 == nil }.map(\.0.completion.unit)
    }

    /// What the store holds of the ends of these units; one that cannot be read counts as none, and as a problem.
    package func completions(
        of units: [UnitName]
    ) async throws(RegistryError) -> (completions: [Completion], problems: [RegistryProblem]) {
        let found = try await entries(units.map { keys.result($0) }, while: "reading \(units.count) results")
        var completions: [Completion] = []
        var problems: [RegistryProblem] = []
        for (unit, entry) in zip(units, found.entries) {
            guard let entry else { continue }
            do {
                completions.append(try ResultEntry(bytes: entry.value).completion(unit))
            } catch {
                problems.append(RegistryProblem(key: entry.key, reason: error.reason))
            }
        }
        return (completions, problems)
    }
}
