// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import Glibc

/// `cluster adopt`: the operator's decision for a store that the agents refuse, for all machines at once.
struct ClusterAdopt: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Let the agents join the store that they refuse.",
        discussion: """
            Agents whose etcd came back empty, set back or as another cluster's stop nothing and take nothing on. Restore etcd's \
            data if you can: they then go on by themselves. If you cannot, this makes them forget the store they knew and begin \
            anew with the one that is there. Units that it does not know are stopped; those that it knows and that are where it \
            wants them run on.

            The machine that is asked passes it on to those that it has seen. One that cannot be reached is named, with what to \
            say there: as long as it refuses, it may run what the others start.

            A store that came back empty knows no users, so that no profile is taken any more. Then restore a backup as root on \
            a machine, by its socket: --endpoint unix:/run/flotilla/api.sock.

            EXAMPLES:
              cluster-manager cluster adopt
              cluster-manager --endpoint unix:/run/flotilla/api.sock cluster adopt --yes
            """)

    @Flag(help: "Do not ask whether it is meant.") var yes = false
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let client = try context.client()
        let survey = try await asked { () async throws(APIError) in try await client.storeSurvey() }
        let plan = try AdoptionPlan(survey.machines)
        for line in plan.lines { context.console.errors.line(line) }
        if !yes { try Self.confirm(context.console) }
        let adoption = try await Self.adopt(plan.found, client)
        if context.format == .json {
            context.console.output.write(try JSONOutput.text(adoption))
        } else {
            for outcome in adoption.outcomes { context.console.output.line("\(outcome.name): \(outcome.words)") }
        }
        let left = adoption.outcomes.filter { !$0.isDone }.map(\.name)
        guard left.isEmpty else {
            throw ClusterManagerError(
                .partial,
                "not done on \(left.joined(separator: ", ")); as long as they refuse, they may run what others start; there: "
                    + "node-agent adopt")
        }
    }

    /// Gives the order; when its answer is lost, looks what came of it, for the machine that was asked ends by it, too.
    private static func adopt(_ found: String, _ client: FleetClient) async throws -> API.Adoption {
        do {
            return try await client.adoptStore(found)
        } catch {
            guard error.code == .connectionLost || error.code == .timedOut else { throw ClusterManagerError(error) }
            let survey = try await Persistence.ask(until: .now + patience) { () async throws(APIError) in
                try await client.storeSurvey()
            }
            return API.Adoption(
                outcomes: survey.machines.map { report in
                    let words =
                        report.isSilent == true
                        ? "cannot be asked: \(report.problem ?? "")"
                        : report.isRefused ? "refuses; the order's answer was lost" : "refuses no store"
                    return API.Adoption.Outcome(
                        machine: report.machine, name: report.name,
                        isDone: !report.isRefused && report.isSilent != true, words: words)
                })
        }
    }

    /// How long an agent may take to be back that ended by the order.
    private static let patience: Duration = .seconds(30)

    /// Asks on the terminal; without one nobody can have meant it.
    private static func confirm(_ console: Console) throws {
        guard isatty(STDIN_FILENO) == 1 else {
            throw ClusterManagerError(.usage, "nobody is there to be asked; say --yes if it is meant")
        }
        console.errors.write("adopt it? [y/N] ")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            throw ClusterManagerError(.refused, "nothing was done")
        }
    }
}

/// What is about to happen, in words.
struct AdoptionPlan {
    /// The store that is decided for.
    let found: String
    let lines: [String]

    /// - Throws: `ClusterManagerError.refused` when nobody refuses a store, or no single one is there to be adopted.
    init(_ machines: [API.StoreReport]) throws {
        let refusing = machines.filter(\.isRefused)
        let silent = machines.filter { $0.isSilent == true }
        guard !refusing.isEmpty else {
            let unknown = silent.isEmpty ? "" : "; not asked: \(Self.list(silent))"
            throw ClusterManagerError(.refused, "no machine refuses its store, so there is none to adopt\(unknown)")
        }
        let stores = Set(refusing.compactMap(\.found)).sorted()
        guard let store = stores.first else {
            let why = refusing.compactMap(\.problem).first ?? "etcd does not answer"
            throw ClusterManagerError(.refused, "the store that is there now cannot be looked at: \(why)")
        }
        guard stores.count == 1 else {
            throw ClusterManagerError(
                .refused,
                "the machines find different stores (\(stores.joined(separator: ", "))); see which etcd each of them uses"
            )
        }
        found = store
        let known = Set(refusing.compactMap(\.known)).sorted().joined(separator: ", ")
        let holds = refusing.compactMap(\.wanted).first.map { "\($0) units" } ?? "what cannot be read yet"
        let age = known == store ? "the same id, but set back or emptied" : "known was \(known)"
        lines =
            ["etcd cluster \(store) is there now (\(age)); it holds \(holds)"]
            + machines.map(Self.line)
            + ["agents that refuse forget the store they knew and begin anew with this one"]
    }

    private static func line(_ report: API.StoreReport) -> String {
        if report.isSilent == true { return "\(report.name): cannot be asked: \(report.problem ?? "")" }
        guard report.isRefused else { return "\(report.name): refuses no store" }
        guard let unknown = report.unknown else {
            return "\(report.name): refuses; has \(report.units.count) units; what of them is stopped cannot be told: "
                + (report.problem ?? "")
        }
        let stopped = unknown.isEmpty ? "none" : "\(unknown.count) (\(unknown.joined(separator: ", ")))"
        return
            "\(report.name): refuses; of its \(report.units.count) units the store does not know and so stops: \(stopped)"
    }

    private static func list(_ reports: [API.StoreReport]) -> String {
        reports.map { "\($0.name) (\($0.problem ?? ""))" }.joined(separator: ", ")
    }
}
