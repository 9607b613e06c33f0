// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import Identity

/// `token`: join tokens.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and revoke the tokens with which machines join the cluster.",
        discussion: """
            EXAMPLES:
              cluster-manager token create --kind worker --uses 3 --metadata zone=a
              cluster-manager token list
              cluster-manager token revoke 3f2a9c01d4e5
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print the command that joins a machine with it.",
            discussion: """
                The token is shown this once; the cluster keeps a hash of it. Whoever has it can bring in machines until it \
                is used up, expires or is revoked. It says which kind of machine it makes: a worker runs units and decides \
                nothing (role agent); a manager decides and answers the API, too (roles agent, engine and api), so whoever \
                steals one can do everything in the cluster.

                EXAMPLES:
                  cluster-manager token create --kind worker
                  cluster-manager token create --kind manager --ttl 10m
                  cluster-manager token create --roles agent,api --uses 2 \\
                      --metadata rack=4,zone=a
                """)

        @Option(help: ArgumentHelp("How long it is good: 30s, 10m, 1h, 7d.", valueName: "time")) var ttl = "1h"
        @Option(help: ArgumentHelp("How many machines may join with it.", valueName: "number")) var uses = 1
        @Option(help: ArgumentHelp("Metadata of those machines.", valueName: "key=value,...")) var metadata = ""
        @OptionGroup var machines: KindOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let order = API.TokenOrder(
                ttl: try Period.seconds(ttl), uses: uses, roles: try machines.chosenRoles(for: "a token"),
                metadata: try Pairs.parse(metadata))
            try context.requireOutput()
            let client = try context.client()
            let new = try await asked { () async throws(APIError) in try await client.createToken(order) }
            try context.tell(new.token, new)
            if context.console.output.failure() != nil {
                return context.warn(await Self.takeBack(new.token, client))
            }
            guard context.format == .table, let endpoint = new.endpoints.first else { return }
            context.console.errors.line(
                "on each new \(machines.kind ?? "machine"), as root: node-agent join \(endpoint) \(new.token)")
        }

        /// Revokes a token whose secret nobody has got, and says what came of it.
        private static func takeBack(_ token: String, _ client: FleetClient) async -> String {
            guard let id = (try? JoinToken(text: token))?.id else {
                return
                    "the token is made, and its secret is lost; 'cluster-manager token list' names it for 'token revoke'"
            }
            do {
                try await client.revokeToken(id)
                return "the token's secret could not be written, so token \(id) is revoked again"
            } catch {
                return
                    "the token's secret is lost, and the token stays: \(error.message); revoke it with: "
                    + "cluster-manager token revoke \(id)"
            }
        }
    }

    struct List: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the tokens, those that have ended in the last day too.",
            discussion: """
                EXAMPLES:
                  cluster-manager token list
                """)

        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let columns = try TokenRow.columns(for: list.fieldNames ?? TokenRow.defaultFields)
            let client = try context.client()
            let tokens = try await asked { () async throws(APIError) in try await client.tokens() }
            try context.render(tokens.map(TokenRow.init), columns: columns, layout: list.layout)
        }
    }

    struct Revoke: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token worth nothing; machines that joined with it stay.",
            discussion: """
                EXAMPLES:
                  cluster-manager token revoke 3f2a9c01d4e5
                """)

        @Argument(
            help: ArgumentHelp("The token's id, from 'token list'.", valueName: "id"),
            completion: .custom(UnitCompletion.tokens))
        var id: String
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            guard !id.isEmpty else {
                throw ClusterManagerError(.usage, "the empty word is no token's id; see 'cluster-manager token list'")
            }
            let client = try context.client()
            try await asked { () async throws(APIError) in try await client.revokeToken(id) }
            try context.tell("token \(id) is worth nothing now", Deed(done: "revoke", token: id))
        }
    }
}

/// Carries out a request and puts what goes wrong into this program's words.
func asked<Answer>(_ request: () async throws(APIError) -> Answer) async throws -> Answer {
    do {
        return try await request()
    } catch {
        throw ClusterManagerError(error)
    }
}
