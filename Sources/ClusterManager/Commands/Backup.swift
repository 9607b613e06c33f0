// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import Identity

/// `backup`: what users want of the cluster, into one file.
struct Backup: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Save what the cluster is to run into one file.",
        discussion: """
            The file holds units, unit files, metadata set by operators, the results of units that run once, and who belongs \
            to the cluster; no keys, passwords or tokens. What runs where is not in it: that comes back by itself.

            EXAMPLES:
              cluster-manager backup cluster.backup
            """)

    @Argument(
        help: ArgumentHelp("Path of the file; one that is there is replaced.", valueName: "file"), completion: .file())
    var file: String

    @Flag(help: "Save what can be read, although some of the cluster's values cannot.") var partial = false

    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let client = try context.client()
        let bytes = try await asked { () async throws(APIError) in try await client.backup(isPartial: partial) }
        do {
            try IdentityFile.write(String(decoding: bytes, as: UTF8.self), to: file, mode: 0o600)
        } catch {
            throw ClusterManagerError(.usage, "the backup cannot be kept: \(error.message)")
        }
        context.console.errors.line("saved \(bytes.count) bytes to \(file)")
    }
}
