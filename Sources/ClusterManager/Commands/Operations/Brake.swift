// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import Identity

/// `brake`: what holds everything when most machines vanish at once.
struct BrakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "brake",
        abstract: "Show or release the brake that holds when most machines vanish at once.",
        discussion: """
            When 55 % or more of the machines vanish within one session's lifetime, rather the view of them is lost than they: \
            nothing is moved until they return, or until you release the brake because they are really gone.

            EXAMPLES:
              cluster-manager brake
              cluster-manager brake release
            """,
        subcommands: [Show.self, Release.self], defaultSubcommand: Show.self)

    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether the brake is set, and for which machines.",
            discussion: """
                EXAMPLES:
                  cluster-manager brake show --output json
                """)

        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let client = try context.client()
            let report = try await asked { () async throws(APIError) in try await client.brake() }
            if context.format == .json { return context.console.output.write(try JSONOutput.text(report)) }
            context.console.output.line(report.words ?? "the brake is not set")
            for machine in report.lost { context.console.output.line("lost: \(machine)") }
        }
    }

    struct Release: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the units of the machines that vanished started elsewhere.",
            discussion: """
                Be sure that those machines are really gone, or have stopped their units as they should: what still runs \
                there would run twice.

                EXAMPLES:
                  cluster-manager brake release
                """)

        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let client = try context.client()
            try await asked { () async throws(APIError) in try await client.releaseBrake() }
            try context.tell(
                "the brake is released; the units of the machines that vanished start elsewhere", Deed(done: "release"))
        }
    }
}

/// `backup`: what users want of the cluster, in one file.
struct Backup: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Save all that users want of the cluster to a file.",
        discussion: """
            Units with their files, metadata, members and users; not what machines report, which they do again by themselves. \
            The file is readable to you alone.

            EXAMPLES:
              cluster-manager backup cluster.json
              cluster-manager backup - > cluster.json
            """)

    @Argument(help: ArgumentHelp("File to write; - is standard output.", valueName: "file"), completion: .file())
    var file: String
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        do {
            if file == "-" { try context.requireOutput() } else { try IdentityFile.checkWritable(file) }
        } catch let error as IdentityError {
            throw ClusterManagerError(.usage, error.message)
        }
        let client = try context.client()
        let bytes = try await asked { () async throws(APIError) in try await client.backup() }
        let text = String(decoding: bytes, as: UTF8.self)
        guard file != "-" else { return context.console.output.deliver(text) }
        do {
            try IdentityFile.write(text, toNamed: file, mode: IdentityFile.secretMode)
        } catch {
            throw ClusterManagerError(.usage, error.message)
        }
        try context.console.tell(
            "wrote \(bytes.count) bytes to \(file)", Deed(done: "backup", files: [file], bytes: bytes.count),
            as: context.format)
    }
}

/// `restore`: brings a backup back.
struct Restore: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the cluster want what a backup says.",
        discussion: """
            The whole file is checked before anything is written. A cluster that wants something already is refused unless \
            you say --overwrite; units that are not in the backup stay all the same. Of the backup of another cluster only the \
            units come in: its users, machines, metadata and cordons do with --with-members.

            EXAMPLES:
              cluster-manager restore cluster.json
              cluster-manager restore cluster.json --overwrite
            """)

    @Argument(help: ArgumentHelp("The backup; - is standard input.", valueName: "file"), completion: .file())
    var file: String
    @Flag(help: "Let what is there give way to what the backup says.") var overwrite = false
    @Flag(
        name: .customLong("with-members"),
        help: "Bring in the users, machines, metadata and cordons of another cluster, too.")
    var withMembers = false
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    /// What the API takes of a backup, in bytes.
    private static let sizeLimit = 256 << 20

    func run(in context: CommandContext) async throws {
        var bytes: [UInt8] = []
        if file == "-" {
            while let line = readLine(strippingNewline: false) { bytes += Array(line.utf8) }
        } else {
            do throws(IdentityError) {
                bytes = Array(try IdentityFile.read(file, limit: Self.sizeLimit).utf8)
            } catch {
                throw ClusterManagerError(.usage, error.message)
            }
        }
        let client = try context.client()
        let backup = bytes
        let report = try await asked { () async throws(APIError) in
            try await client.restore(backup, overwrite: overwrite, withMembers: withMembers)
        }
        if context.format == .json { return context.console.output.write(try JSONOutput.text(report)) }
        context.console.output.line("restored \(report.units) units and \(report.others) other records")
        if let count = report.leftOut {
            let (records, them) = count == 1 ? ("record", "it") : ("records", "them")
            context.console.errors.line(
                "left out \(count) \(records) about users and machines of the other cluster; --with-members brings "
                    + "\(them) in")
        }
        if !report.kept.isEmpty {
            context.console.errors.line("not in the backup, left alone: \(report.kept.joined(separator: ", "))")
        }
    }
}
