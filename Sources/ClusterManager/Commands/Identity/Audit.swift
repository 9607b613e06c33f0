// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FleetCore
import FoundationEssentials

/// `audit`: who did what.
struct Audit: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who changed what, from where, and who was refused.",
        discussion: """
            Changes and refusals of the last 30 days, unless the agents are set otherwise; the newest are last, and a note \
            says when there may be older ones. Times are UTC, in the table and in --since and --until that name no zone.

            Columns: \(AuditRow.columns.map(\.field).joined(separator: ", ")).

            EXAMPLES:
              cluster-manager audit --since 1h
              cluster-manager audit --user ada --unit web.service --output json
            """)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Only what is younger: 30m, 1h, 7d, or a moment as for 'journal --since', but in UTC.", valueName: "time"))
    var since: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Only what is older, in the same forms.", valueName: "time"))
    var until: String?
    @Option(
        help: ArgumentHelp("Only what this user did, by his name or as the table shows him.", valueName: "name"),
        completion: .custom(UnitCompletion.callers))
    var user: String?
    @Option(
        help: ArgumentHelp("Only what was done to this unit.", valueName: "unit"),
        completion: .custom(UnitCompletion.names))
    var unit: String?
    @Option(name: .shortAndLong, help: ArgumentHelp("At most so many, the newest.", valueName: "number")) var number =
        100
    @OptionGroup var list: ListOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let columns = try AuditRow.columns(for: list.fieldNames ?? AuditRow.defaultFields)
        guard number > 0 else { throw ClusterManagerError(.usage, "--number must be at least 1") }
        var query = [("limit", String(number))]
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        let start = try since.map { try JournalTime.moment($0, option: "--since", now: now, isUTC: true) }
        let end = try until.map { try JournalTime.moment($0, option: "--until", now: now, isUTC: true) }
        if let start, let end, start > end { throw ClusterManagerError(.usage, "--since is later than --until") }
        if let start { query.append(("since", String(start / 1000))) }
        if let end { query.append(("until", String(end / 1000))) }
        if let user { query += AuditWords.callers(user).map { ("user", $0) } }
        if let unit { query.append(("unit", try UnitArgument(unit).name().rawValue)) }
        let client = try context.client()
        let events = try await asked { [query] () async throws(APIError) in try await client.audit(query) }
        if events.isEmpty, context.format == .table { return context.warn("there are no entries\(filter)") }
        try context.render(events.map(AuditRow.init), columns: columns, layout: list.layout)
        if let oldest = events.first, events.count >= min(number, Self.mostEntries) {
            context.warn(Self.words(shown: events.count, oldest: oldest))
        }
    }

    /// How many entries the API gives at most.
    private static let mostEntries = 10_000

    /// How to get at what is older than what is shown.
    private static func words(shown: Int, oldest: API.AuditEvent) -> String {
        let more = shown < mostEntries ? "--number \(mostEntries) shows more, " : ""
        // Rounded up: an entry may be shown twice, and none is left out.
        let moment = (oldest.time + 999) / 1000
        return "the newest \(shown) entries are shown, there may be older ones: \(more)--until @\(moment) those before"
    }

    /// What the user has asked for, as he may have written it.
    private var filter: String {
        let options = [("--since", since), ("--until", until), ("--user", user), ("--unit", unit)]
        let given = options.compactMap { option, value in value.map { "\(option) \(ShellWord.quoted($0))" } }
        return given.isEmpty ? "" : " for " + given.joined(separator: " ")
    }
}
