// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FoundationEssentials

/// `audit`: who did what.
struct Audit: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who changed what, from where, and who was refused.",
        discussion: """
            Changes and refusals of the last 30 days, unless the agents are set otherwise; the newest are last.

            EXAMPLES:
              cluster-manager audit --since 1h
              cluster-manager audit --user ada --unit web.service --output json
            """)

    @Option(help: ArgumentHelp("Only what is younger, such as 30m, 1h, 7d.", valueName: "time")) var since: String?
    @Option(help: ArgumentHelp("Only what this user did.", valueName: "name")) var user: String?
    @Option(
        help: ArgumentHelp("Only what was done to this unit.", valueName: "unit"),
        completion: .custom(UnitCompletion.names))
    var unit: String?
    @Option(name: .shortAndLong, help: ArgumentHelp("At most so many, the newest.", valueName: "number")) var number =
        100
    @OptionGroup var list: ListOptions
    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let columns = try AuditRow.columns(for: list.fieldNames ?? AuditRow.defaultFields)
        guard number > 0 else { throw ClusterManagerError(.usage, "--number must be at least 1") }
        var query = [("limit", String(number))]
        if let since {
            let start = Date().timeIntervalSince1970 * 1000 - Double(try Period.seconds(since)) * 1000
            query.append(("since", String(Int64(start))))
        }
        if let user { query.append(("user", user)) }
        if let unit { query.append(("unit", unit)) }
        let client = try context.client()
        let events = try await asked { [query] () async throws(APIError) in try await client.audit(query) }
        try context.render(events.map(AuditRow.init), columns: columns, layout: list.layout)
    }
}
