// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FoundationEssentials

/// `restore`: what `backup` saved, back into a cluster.
struct Restore: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the cluster run what a backup says.",
        discussion: """
            The whole file is checked before anything is written. Units that are not in the backup stay as they are. Machines \
            and users that the cluster knows keep what it knows of them; into an empty cluster they come back as they \
            were, so revoke again whom you have revoked since the backup was made.

            EXAMPLES:
              cluster-manager restore cluster.backup
              cluster-manager restore --overwrite cluster.backup
            """)

    @Argument(help: ArgumentHelp("Path of the backup.", valueName: "file"), completion: .file()) var file: String

    @Flag(help: "Also where the cluster has units: those of the backup replace them.") var overwrite = false

    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        guard let data = try? Data(contentsOf: URL(filePath: file)) else {
            throw ClusterManagerError(.usage, "cannot read the backup \(file)")
        }
        let client = try context.client()
        let done = try await asked { () async throws(APIError) in
            try await client.restore([UInt8](data), overwrite: overwrite)
        }
        if context.format == .json { return context.console.output.write(try JSONOutput.text(done)) }
        context.console.output.line("restored \(done.units) units and \(done.others) other records")
        if !done.kept.isEmpty {
            context.console.errors.line("not in the backup and left alone: \(done.kept.joined(separator: " "))")
        }
    }
}
