// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chaos
import FoundationEssentials

/// Judges what a chaos run on real machines wrote down.
struct CheckRecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-record", abstract: "Prove rules R1, R3, R4 and R7 from the record of a chaos run.",
        discussion: """
            Reads what `bin/local-cluster chaos` left in its folder: when each process of each probe lived, and what was done to \
            the machines. Asks nobody else.

            Exit status: 0 when the rules held, 1 when one was broken, or the record proves nothing or cannot be used.
            """)

    @Argument(help: "Folder with faults.record, host.record and a record for each probe.")
    var folder: String
    @Option(help: "How many seconds a session lives.")
    var ttl = 5
    @Option(help: "Seconds from a single fault to its units running again (default: a session's life and one second).")
    var recovery: Int?

    func validate() throws {
        guard (1...3600).contains(ttl) else { throw ValidationError("--ttl is 1 to 3600 seconds, not \(ttl)") }
        guard (1...3600).contains(recovery ?? 1) else { throw ValidationError("--recovery is 1 to 3600 seconds") }
    }

    func run() async throws {
        let special = ["faults.record", "host.record"]
        let names = try files()
        guard special.allSatisfy(names.contains) else {
            throw ChaosRecordError(
                description:
                    "\(folder) holds no record of a chaos run; bin/local-cluster chaos leaves one in the folder "
                    + "ground of its state")
        }
        let record = try ChaosRecord(
            probes: try names.filter { $0.hasSuffix(".record") && !special.contains($0) }.map { ($0, try text($0)) },
            faults: try text(special[0]), host: try text(special[1]))
        let limits = RecordCheck.Limits(ttl: ttl * 1000, recovery: recovery.map { $0 * 1000 })
        let verdict = RecordCheck(record, limits: limits).run()
        for line in verdict.report { Report.show(line) }
        if verdict.isEmpty || !verdict.broken.isEmpty { throw ExitCode(1) }
    }

    private func files() throws(ChaosRecordError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw ChaosRecordError(description: "\(folder) is no folder that can be read")
        }
    }

    private func text(_ name: String) throws(ChaosRecordError) -> String {
        do {
            return try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
        } catch {
            throw ChaosRecordError(description: "\(folder)/\(name) cannot be read as text")
        }
    }
}
