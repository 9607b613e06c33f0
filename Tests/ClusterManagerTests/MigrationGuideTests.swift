// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FoundationEssentials
import Testing

/// What fleet 1.0 has, by the headings of `docs/migrating-from-fleet.md`.
private enum FleetFeatures {
    static let all: [(heading: String, names: String)] = [
        (
            "Options of [X-Fleet]",
            """
            MachineID MachineOf MachineMetadata Conflicts Global Replaces X-ConditionMachineID X-ConditionMachineBootID \
            X-ConditionMachineOf X-ConditionMachineMetadata X-Conflicts %n %N %p %i
            """
        ),
        (
            "Unit types",
            "automount busname device mount path scope service slice snapshot socket swap target timer"
        ),
        (
            "Commands",
            """
            list-machines list-units list-unit-files cat status journal ssh submit load start stop unload destroy restart \
            fd-forward verify version help
            """
        ),
        (
            "Flags of commands",
            """
            list-machines:full,l,no-legend,fields list-units:full,l,no-legend,fields list-unit-files:full,no-legend,fields \
            status:ssh-port journal:lines,follow,f,output,sudo,ssh-port ssh:machine,unit,forward-agent,A,ssh-port \
            submit:replace,sign load:replace,no-block,block-attempts start:replace,no-block,block-attempts \
            stop:no-block,block-attempts unload:no-block,block-attempts destroy:no-block,block-attempts \
            restart:block-attempts
            """
        ),
        (
            "Global flags",
            """
            --endpoint --driver --etcd-key-prefix --key-file --cert-file --ca-file --tunnel --known-hosts-file \
            --strict-host-key-checking --ssh-timeout --ssh-username --request-timeout --debug --version --help \
            --experimental-api --etcd-keyfile --etcd-certfile --etcd-cafile
            """
        ),
        (
            "Variables of fleetctl",
            """
            FLEETCTL_ENDPOINT FLEETCTL_DRIVER FLEETCTL_ETCD_KEY_PREFIX FLEETCTL_KEY_FILE FLEETCTL_CERT_FILE \
            FLEETCTL_CA_FILE FLEETCTL_TUNNEL FLEETCTL_KNOWN_HOSTS_FILE FLEETCTL_STRICT_HOST_KEY_CHECKING \
            FLEETCTL_SSH_TIMEOUT FLEETCTL_SSH_USERNAME FLEETCTL_REQUEST_TIMEOUT FLEETCTL_DEBUG
            """
        ),
        (
            "Columns of listings",
            """
            list-machines=machine,ip,metadata list-units=unit,machine,active,sub,load,hash \
            list-unit-files=unit,hash,dstate,state,target,global,desc,tmachine
            """
        ),
        (
            "Endpoints of the API",
            """
            GET_/units GET_/units/{name} PUT_/units/{name} DELETE_/units/{name} GET_/state GET_/state/{name} GET_/machines \
            PATCH_/machines GET_/discovery GET_/metrics
            """
        ),
        (
            "Fields",
            """
            Unit.name Unit.options Unit.desiredState Unit.currentState Unit.machineID UnitOption.section UnitOption.name \
            UnitOption.value UnitState.name UnitState.hash UnitState.machineID UnitState.systemdLoadState \
            UnitState.systemdActiveState UnitState.systemdSubState Machine.id Machine.primaryIP Machine.metadata \
            nextPageToken error.code error.message
            """
        ),
        (
            "Settings of fleetd",
            """
            verbosity etcd_servers etcd_username etcd_password etcd_keyfile etcd_certfile etcd_cafile etcd_key_prefix \
            etcd_request_timeout engine_reconcile_interval public_ip metadata agent_ttl units_directory systemd_user \
            token_limit enable_grpc disable_engine disable_watches verify_units authorized_keys_file --config --version \
            SIGTERM SIGINT SIGHUP SIGUSR1
            """
        ),
    ]

    /// The list's shorthand spelt out as the guide spells it.
    static func names(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).flatMap { word -> [String] in
            let word = String(word).replacing("_/", with: " /")
            for (separator, joint) in [(":", " --"), ("=", " ")] where word.contains(separator) && !word.contains("/") {
                let parts = word.split(separator: Character(separator))
                return parts[1].split(separator: ",").map { "\(parts[0])\(joint)\($0)" }
            }
            return [word]
        }
    }
}

@Suite("the guide from fleet")
struct MigrationGuideTests {
    private struct Row {
        let name: String
        let verdict: String
        let note: String
    }

    /// The rows of the table under a heading.
    private func rows(_ heading: String) throws -> [Row] {
        let text = try Command.text("docs/migrating-from-fleet.md")
        let part = try #require(text.components(after: "\n## \(heading)\n"), "no heading \(heading)")
        return part.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmed }
            guard cells.count == 5, cells[1].hasPrefix("`") else { return nil }
            return Row(name: String(cells[1].dropFirst().dropLast()), verdict: String(cells[2]), note: String(cells[3]))
        }
    }

    @Test("names everything that fleet has, once, each with a verdict", arguments: FleetFeatures.all.map(\.heading))
    func complete(heading: String) throws {
        let features = try #require(FleetFeatures.all.first { $0.heading == heading })
        let rows = try rows(heading)
        let names = FleetFeatures.names(features.names)
        #expect(!names.isEmpty)
        #expect(Set(rows.map(\.name)) == Set(names))
        #expect(rows.count == names.count)
        for row in rows {
            #expect(["same", "better:", "dropped:", "not yet:"].contains(row.verdict), "\(row.name): \(row.verdict)")
            if row.verdict != "same" { #expect(!row.note.isEmpty, "\(row.name) is \(row.verdict) without a word") }
        }
    }

    private struct Dump: Decodable {
        struct Argument: Decodable {
            struct Name: Decodable { let name: String }
            let names: [Name]?
        }
        let commandName: String
        let subcommands: [Dump]?
        let arguments: [Argument]?

        var flags: Set<String> { Set((arguments ?? []).flatMap { $0.names ?? [] }.map { "--\($0.name)" }) }
    }

    private struct Document: Decodable { let command: Dump }

    @Test("what it calls same or better is there: commands and flags in the program, columns in the listings")
    func truthful() async throws {
        let dump = await Session.run("--experimental-dump-help").output
        let root = try JSONDecoder().decode(Document.self, from: Data(dump.utf8)).command
        let commands = Dictionary(uniqueKeysWithValues: (root.subcommands ?? []).map { ($0.commandName, $0.flags) })
        func isThere(_ row: Row) -> Bool { ["same", "better:"].contains(row.verdict) }
        for row in try rows("Commands") where isThere(row) { #expect(commands[row.name] != nil, "\(row.name)") }
        for row in try rows("Flags of commands") where isThere(row) {
            let words = row.name.split(separator: " ").map(String.init)
            #expect(commands[words[0]]?.contains(words[1]) == true, "\(row.name)")
        }
        for row in try rows("Global flags") where isThere(row) { #expect(root.flags.contains(row.name), "\(row.name)") }
        for row in try rows("Global flags")
        where !isThere(row) && !["--driver", "--experimental-api"].contains(row.name) {
            #expect(FleetctlCommandLine.refused[row.name] != nil, "\(row.name)")
        }
        let columns = [
            "list-machines": MachineRow.columns.map(\.field), "list-units": UnitRow.columns.map(\.field),
            "list-unit-files": UnitFileRow.columns.map(\.field),
        ]
        for row in try rows("Columns of listings") where isThere(row) {
            let words = row.name.split(separator: " ").map(String.init)
            #expect(columns[words[0]]?.contains(words[1]) == true, "\(row.name)")
        }
        for row in try rows("Variables of fleetctl") where !isThere(row) {
            #expect(FleetctlCommandLine.ignoredVariables.contains(String(row.name.dropFirst("FLEETCTL_".count))))
        }
    }
}

extension String {
    /// What follows the heading, up to the next one of its kind.
    fileprivate func components(after heading: String) -> String? {
        guard let range = firstRange(of: heading) else { return nil }
        let rest = self[range.upperBound...]
        return String(rest[..<(rest.firstRange(of: "\n## ")?.lowerBound ?? rest.endIndex)])
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
