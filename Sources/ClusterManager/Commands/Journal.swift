// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import Glibc

struct Journal: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what units wrote to the journals of their machines.",
        discussion: """
            Several units are merged by time, over all machines that have them; a unit that is on no machine now is looked \
            for on all. The machines' agents read the journals; no ssh is needed. A machine that cannot be asked is named \
            on standard error, and the exit status is then 2. -f goes on until ctrl-C, which ends it with status 0; it does \
            not go with --until.

            Forms of --output: short, short-iso, cat, json. Of --since and --until: '2026-03-09 14:30:00', 2026-03-09, \
            14:30, @SECONDS, today, yesterday, -1h, '10 min ago', in local time as the entries' times are, \
            unless they end in UTC, Z or +0100. On a terminal errors are red and warnings yellow, unless NO_COLOR is set.

            EXAMPLES:
              cluster-manager journal web.service
              cluster-manager journal -f -n 100 web.service 'worker@*'
              cluster-manager journal web.service --since -1h --output cat
              cluster-manager journal log.service --machine 9f2c4e1a
              cluster-manager journal --ssh web.service --output verbose
            """)

    @OptionGroup var arguments: UnitArguments

    @Option(
        name: [.customLong("lines"), .customShort("n")],
        help: ArgumentHelp(
            "How many of the latest entries to begin with: 10, or with --since all of them.", valueName: "count"))
    var lines: Int?

    @Flag(
        name: [.customLong("follow"), .customShort("f"), .customLong("f")],
        help: "Go on with new entries as they come.")
    var follow = false

    @Option(parsing: .unconditional, help: ArgumentHelp("Begin at this time.", valueName: "time"))
    var since: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("End at this time.", valueName: "time"))
    var until: String?

    @Flag(
        name: [.customLong("all"), .customShort("a")],
        help: "Print control characters as they are rather than written out.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "Only from this machine: \(MachineArgument.words).", valueName: "machine"),
        completion: .custom(UnitCompletion.machines))
    var machine: String?

    @Flag(
        help: """
            Become journalctl on the one machine of one unit, by the system's ssh unless that machine is this one; \
            --output, --since and --until then take all of journalctl's forms.
            """)
    var ssh = false

    @Flag(help: "With --ssh: run journalctl with sudo, for machines whose journal this user may not read.")
    var sudo = false

    @OptionGroup var port: SSHPort
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    static var ownsOutput: Bool { true }

    func validate() throws {
        if let lines, lines < 0 { throw ValidationError("--lines must not be negative") }
        // Neither an agent nor journalctl ends such a follow: it would print nothing more, and wait.
        if follow, until != nil { throw ValidationError("-f goes on until ctrl-C, so it does not go with --until") }
        if ssh {
            if arguments.units.count != 1 { throw ValidationError("--ssh reads the journal of one unit") }
            return
        }
        if let lines, lines > 10_000 { throw ValidationError("--lines can be 10000 at most; use --since for more") }
        if let output = global.output, JournalForm(rawValue: output) == nil {
            let forms = JournalForm.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--output \(output) is none of \(forms); journalctl's others need --ssh")
        }
    }

    func run(in context: CommandContext) async throws {
        if ssh { return try await becomeJournalctl(in: context) }
        let now = Self.now()
        func moment(_ text: String?, _ option: String) throws -> Int64? {
            try text.map { try JournalTime.moment($0, option: option, now: now) }
        }
        var query = FleetJournalQuery(
            units: [], lines: lines ?? (since == nil ? 10 : nil), since: try moment(since, "--since"),
            until: try moment(until, "--until"), follow: follow)
        if let since = query.since, let until = query.until, since > until {
            throw ClusterManagerError(.usage, "--since is later than --until")
        }
        query.units = try await JournalRun.units(arguments.units, in: context.fleet)
        if let machine {
            query.machines = [try await context.machine(machine).id]
        }
        let form = global.output.flatMap(JournalForm.init(rawValue:)) ?? .short
        if follow { Interrupt.endsWell() }
        try await JournalRun(form: form, isRaw: all, context: context).run(query)
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    private func becomeJournalctl(in context: CommandContext) async throws {
        guard let argument = arguments.units.first else { return }
        let name = try UnitArgument(argument).name()
        let found = try await RemoteTarget.machine(of: name, on: machine, in: context.fleet)
        var words = ["journalctl", "--unit", name.rawValue, "--no-pager"]
        if let since { words.append("--since=\(since)") }
        if let until { words.append("--until=\(until)") }
        if lines != nil || since == nil { words += ["--lines", "\(lines ?? 10)"] }
        words += ["--output", global.output ?? "short"]
        if all { words.append("--all") }
        if follow { words.append("--follow") }
        if sudo { words.insert("sudo", at: 0) }
        if found.id == context.localMachine {
            return try context.become(ExternalProgram(words[0], Array(words.dropFirst())))
        }
        let command = words.map(ShellWord.quoted)
        try context.become(try RemoteTarget(found).ssh(context.ssh, port: port.sshPort, command: command))
    }
}
