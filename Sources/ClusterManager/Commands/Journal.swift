// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

struct Journal: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what a unit wrote to the journal of its machine.",
        discussion: """
            Becomes journalctl, here if the unit is on this machine, else there by the system's ssh.

            EXAMPLES:
              cluster-manager journal web.service
              cluster-manager journal -f -n 100 web.service
              cluster-manager journal web.service --since -1h --output cat
              cluster-manager journal log.service --machine 9f2c4e1a
            """)

    @Argument(
        help: ArgumentHelp("Name of the unit.", valueName: "unit"), completion: .custom(UnitCompletion.names))
    var unit: String

    @Option(
        name: [.customLong("lines"), .customShort("n")],
        help: ArgumentHelp("How many of the latest lines to begin with.", valueName: "count"))
    var lines = 10

    @Flag(
        name: [.customLong("follow"), .customShort("f"), .customLong("f")],
        help: "Go on with new lines as they come.")
    var follow = false

    @Option(
        help: ArgumentHelp(
            "Begin at this time, in a form of systemd.time(7), rather than with the latest lines.", valueName: "time"))
    var since: String?

    @Flag(help: "Run journalctl with sudo, for machines whose journal this user may not read.")
    var sudo = false

    @Option(
        help: ArgumentHelp("Of a global unit: the machine whose id begins so.", valueName: "machine"),
        completion: .custom(UnitCompletion.machines))
    var machine: String?

    @OptionGroup var port: SSHPort
    @OptionGroup var global: GlobalOptions

    static var ownsOutput: Bool { true }

    func validate() throws {
        if lines < 0 { throw ValidationError("--lines must not be negative") }
    }

    func run(in context: CommandContext) async throws {
        let name = try UnitArgument(unit).name()
        let found = try await RemoteTarget.machine(of: name, on: machine, in: context.fleet)
        var words = ["journalctl", "--unit", name.rawValue, "--no-pager"]
        if let since { words.append("--since=\(since)") } else { words += ["--lines", "\(lines)"] }
        words += ["--output", global.output ?? "short"]
        if follow { words.append("--follow") }
        if sudo { words.insert("sudo", at: 0) }
        if found.id == context.localMachine {
            return try context.become(ExternalProgram(words[0], Array(words.dropFirst())))
        }
        let command = words.map(ShellWord.quoted)
        try context.become(try RemoteTarget(found).ssh(context.ssh, port: port.sshPort, command: command))
    }
}
