// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import Identity

/// `user`: who may use the API, and as what.
struct User: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add, list and revoke users of the cluster.",
        discussion: """
            EXAMPLES:
              cluster-manager user add ada --role operator --out ada.json
              cluster-manager user list
              cluster-manager user revoke ada
            """,
        subcommands: [Add.self, List.self, Revoke.self])

    struct Add: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a user and write a profile that is ready for use.",
            discussion: """
                The key is made here; the profile holds it, so hand it on as you would a password. The user takes it up with \
                'cluster-manager profile add'. A file that the output is sent to is closed for all but its owner. A viewer reads, an operator changes units, an admin everything.

                EXAMPLES:
                  cluster-manager user add ada --role operator --out ada.json
                  cluster-manager user add ci --role viewer > ci.json
                """)

        @Argument(help: ArgumentHelp("1 to 64 letters, digits, '.', '_' and '-'.", valueName: "name")) var name: String
        @Option(
            help: ArgumentHelp("viewer, operator or admin.", valueName: "role"),
            completion: .list(["viewer", "operator", "admin"]))
        var role: String
        @Option(
            help: ArgumentHelp(
                "File to write the profile to; - is standard output, as without it.", valueName: "file"),
            completion: .file())
        var out: String?
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            guard Principal.isName(name) else {
                throw ClusterManagerError(
                    .usage,
                    "'\(name)' is no user's name: it has 1 to 64 letters, digits, '.', '_' and '-', and begins with none of "
                        + "'.' and '-'")
            }
            // A file of that name would be one that 'profile add -' does not read.
            let out = self.out == "-" ? nil : self.out
            let key = KeyPair()
            do {
                // Nobody but the profile has the key: a user without one would have to be revoked and added anew.
                if let out {
                    try IdentityFile.checkWritable(out)
                } else {
                    try context.requireOutput()
                    guard !context.console.output.isTerminal else {
                        throw ClusterManagerError(
                            .usage,
                            "the profile holds a private key, which is not for a terminal; say --out FILE, or send the "
                                + "output to a file or a program; nothing was done")
                    }
                }
                let request = try key.request(name: "user:\(name)")
                let client = try context.client()
                let issued = try await asked { () async throws(APIError) in
                    try await client.addUser(API.UserOrder(name: name, role: role, request: request))
                }
                let profile = Profile(
                    name: issued.cluster, cluster: issued.cluster, endpoints: issued.endpoints, user: name,
                    authorities: issued.authorities, certificate: issued.certificate, key: key.pem)
                guard let out else {
                    context.console.output.write(profile.json)
                    if context.console.output.failure() != nil { context.warn(await takeBack(client)) }
                    return
                }
                do throws(IdentityError) {
                    try IdentityFile.write(profile.json, toNamed: out, mode: IdentityFile.secretMode)
                } catch {
                    let outcome = await takeBack(client)
                    throw ClusterManagerError(.output, "\(error.message); \(outcome)")
                }
                try context.console.tell(
                    "wrote \(out); user \(name) takes it up with: cluster-manager profile add \(out)",
                    Deed(done: "add", cluster: issued.cluster, user: name, files: [out]), as: context.format)
            } catch let error as IdentityError {
                throw ClusterManagerError(.usage, error.message)
            }
        }

        /// Revokes the user whose only key nobody has got, and says what came of it.
        private func takeBack(_ client: FleetClient) async -> String {
            do {
                _ = try await client.revokeUser(name)
                return "the profile with the only key could not be written, so user \(name) is revoked again"
            } catch {
                return
                    "the profile with the only key is lost, and user \(name) stays: \(error.message); revoke the user with: "
                    + "cluster-manager user revoke \(name)"
            }
        }
    }

    struct List: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "List all users there are and were.",
            discussion: """
                EXAMPLES:
                  cluster-manager user list
                """)

        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let columns = try UserLine.columns(for: list.fieldNames ?? UserLine.defaultFields)
            let client = try context.client()
            let users = try await asked { () async throws(APIError) in try await client.users() }
            try context.render(users.map(UserLine.init), columns: columns, layout: list.layout)
        }
    }

    struct Revoke: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Refuse a user from now on, on connections that are open, too.",
            discussion: """
                EXAMPLES:
                  cluster-manager user revoke ada
                """)

        @Argument(
            help: ArgumentHelp("The user.", valueName: "name"), completion: .custom(UnitCompletion.users))
        var name: String
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            guard !name.isEmpty else {
                throw ClusterManagerError(.usage, "the empty word is no user's name; see 'cluster-manager user list'")
            }
            let client = try context.client()
            let before = try await asked { () async throws(APIError) in try await client.revokeUser(name) }
            try context.tell(
                before.map { "user \(name) was revoked already, at \(Clock.text($0)); nothing was done" }
                    ?? "user \(name) is revoked",
                Deed(done: before == nil ? "revoke" : "nothing", user: name))
        }
    }
}

/// `machine`: who belongs to the cluster, as against who is alive.
struct Machine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the machines that belong to the cluster, and revoke one.",
        discussion: """
            EXAMPLES:
              cluster-manager machine list
              cluster-manager machine revoke 9f2c4e1a
            """,
        subcommands: [List.self, Revoke.self])

    struct List: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the machines that have joined, alive or not.",
            discussion: """
                EXAMPLES:
                  cluster-manager machine list --full
                """)

        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let columns = try MemberRow.columns(for: list.fieldNames ?? MemberRow.defaultFields)
            let client = try context.client()
            let members = try await asked { () async throws(APIError) in try await client.members() }
            let machines = try await asked { () async throws(APIError) in try await client.machines() }
            let alive = Set(machines.map(\.id))
            try context.render(
                members.map { MemberRow($0, alive: alive) }, columns: columns, layout: list.layout)
        }
    }

    struct Revoke: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cut a machine off: its certificate and its rights in etcd end, its units go elsewhere.",
            discussion: """
                An honest machine stops its units within seconds and leaves; of one that does not, the session is ended once \
                an honest one would have. To bring it back, it joins anew with a token.

                EXAMPLES:
                  cluster-manager machine revoke 9f2c4e1a
                """)

        @Argument(
            help: ArgumentHelp(
                "The machine: its name, or at least four digits of its id, as 'machine list' shows them; that list has no addresses, so none is taken.",
                valueName: "machine"),
            completion: .custom(UnitCompletion.members))
        var machine: String
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let client = try context.client()
            let members = try await asked { () async throws(APIError) in try await client.members() }
            // Of a machine that was revoked and joined anew under another id the living one is meant.
            let living = members.filter { $0.revokedAt == nil }
            func find(_ members: [API.Member]) throws -> API.Member {
                try MachineChoice.find(machine, among: members, of: .members, id: \.id) { [$0.name] }
            }
            let member = try (try? find(living)) ?? find(members)
            let before = try await asked { () async throws(APIError) in try await client.revokeMachine(member.id) }
            let label = FleetMachine.label(id: member.id, name: member.name)
            try context.tell(
                before.map { "\(label) was revoked already, at \(Clock.text($0)); its rights in etcd are taken again" }
                    ?? "\(label) is revoked; it stops its units and leaves",
                Deed(done: before == nil ? "revoke" : "nothing", machine: member.id))
        }
    }
}
