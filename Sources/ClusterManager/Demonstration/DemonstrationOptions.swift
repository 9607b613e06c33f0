// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The flags of the INAETICS demonstrator, in any order.
///
/// They keep the seed program's spelling, capital letters included.
struct DemonstrationOptions: ParsableArguments {
    /// Every flag of this group: they belong to the program without a subcommand.
    static let names = ["--start", "--stop", "--status", "--celixAgents", "--felixAgents", "--unitFilesPath", "--wait"]

    @Flag(
        help: ArgumentHelp(
            "Start the demonstrator, or scale the one that runs; agents that run stay as they are, and those that have ended or failed are started again."
        ))
    var start = false

    @Flag(help: "Stop the demonstrator and remove it from the cluster.")
    var stop = false

    @Flag(help: "Show machines, unit files and units.")
    var status = false

    @Option(
        name: .customLong("celixAgents"),
        help: ArgumentHelp("How many Celix agents there shall be; 2 unless said otherwise.", valueName: "N"))
    var celixAgents: String?

    @Option(
        name: .customLong("felixAgents"),
        help: ArgumentHelp("How many Felix agents there shall be; 2 unless said otherwise.", valueName: "N"))
    var felixAgents: String?

    @Option(
        name: .customLong("unitFilesPath"),
        help: ArgumentHelp(
            "Folder with provisioning.service, felix@.service and celix@.service.",
            discussion: "Default: /opt/inaetics/fleet/units, else /opt/flotilla/units.", valueName: "DIR"),
        completion: .directory)
    var unitFilesPath: String?

    @Flag(help: "With --start: return when everything runs, rather than when it has been asked for.")
    var wait = false

    @Flag(name: .customLong("no-wait"), help: "With --stop: return at once, rather than when nothing runs any more.")
    var noWait = false

    /// What is asked for.
    enum Request: Equatable {
        case start([AgentKind: Int], folder: String?, UnitOperation.Patience)
        case stop(UnitOperation.Patience)
        case status
    }

    /// Makes sense of the flags together.
    ///
    /// - Throws: `ClusterManagerError.usage`.
    func request() throws -> Request {
        let asked = [("--start", start), ("--stop", stop), ("--status", status)].filter(\.1).map(\.0)
        guard let only = asked.first else {
            throw ClusterManagerError(.usage, given.isEmpty ? Program.usage : "\(given[0]) needs --start")
        }
        guard asked.count == 1 else {
            throw ClusterManagerError(
                .usage, "\(asked.joined(separator: " and ")) do not go together; give one of them")
        }
        if !start, let surplus = given.first {
            throw ClusterManagerError(.usage, "\(surplus) does not go with \(only)")
        }
        if noWait && !stop { throw ClusterManagerError(.usage, "--no-wait goes with --stop only") }
        if status { return .status }
        if stop { return .stop(noWait ? .none : .wait(DemonstrationRun.stopPatience)) }
        let counts: [AgentKind: Int] = [
            .felix: try Self.count(felixAgents, of: "--felixAgents"),
            .celix: try Self.count(celixAgents, of: "--celixAgents"),
        ]
        return .start(counts, folder: unitFilesPath, wait ? .wait(nil) : .none)
    }

    /// The flags given that mean something beside `--start` only.
    private var given: [String] {
        let all = [
            ("--celixAgents", celixAgents != nil), ("--felixAgents", felixAgents != nil),
            ("--unitFilesPath", unitFilesPath != nil), ("--wait", wait),
        ]
        return all.filter(\.1).map(\.0)
    }

    /// A number of agents; 2 when nothing is said.
    private static func count(_ text: String?, of option: String) throws -> Int {
        guard let text else { return 2 }
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, let count = Int(text), count <= DemonstrationRun.mostAgents else {
            throw ClusterManagerError(
                .usage,
                "\(option)=\(text): the number of agents must be a whole number from 0 to \(DemonstrationRun.mostAgents)"
            )
        }
        return count
    }
}
