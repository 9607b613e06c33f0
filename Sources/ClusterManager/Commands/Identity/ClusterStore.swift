// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient

/// `cluster store`: whom etcd lets in, and by which passwords.
struct ClusterStore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Say whether etcd takes the cluster's members alone, and change their passwords there.",
        discussion: """
            EXAMPLES:
              cluster-manager cluster store
              cluster-manager cluster store rotate-passwords
            """,
        subcommands: [Show.self, RotatePasswords.self], defaultSubcommand: Show.self)

    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether etcd takes the cluster's members alone.",
            discussion: """
                Each member of etcd is asked as a stranger would, by the agent that this command talks to. 'closed' is as it \
                should be; docs/security.md says what each of the others lets happen.

                EXAMPLES:
                  cluster-manager cluster store show
                  cluster-manager cluster store show --output json
                """)

        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let columns = try StoreMemberRow.columns(for: list.fieldNames ?? StoreMemberRow.defaultFields)
            let client = try context.client()
            let found = try await asked { () async throws(APIError) in try await client.storeOpenness(looksNow: true) }
            try context.render(found.members.map(StoreMemberRow.init), columns: columns, layout: list.layout)
            for words in found.warnings { context.warn(words) }
            let old = found.members.filter { $0.letsUsersPastTheirRights == true }.compactMap(\.version)
            if let version = old.min() {
                context.warn(
                    "etcd \(version) lets each machine that has a login get past its rights (GHSA-rfx7-8w68-q57q, "
                        + "GHSA-xg4h-6gfc-h4m8); 3.4.42, 3.5.28 and 3.6.9 do not: until then a worker that has one, as those that "
                        + "joined with version 0.1, can do what managers can; docs/security.md says how to move it")
            }
        }
    }
}
