// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Prints journals as they come from the cluster.
struct JournalRun {
    let form: JournalForm
    let isRaw: Bool
    let context: CommandContext

    /// Asks for the journals and prints them to their end, or for ever where the query follows.
    ///
    /// - Throws: `ClusterManagerError`; of code `partial`, without words, when a machine could not be asked.
    func run(_ query: FleetJournalQuery) async throws {
        let stream: AsyncThrowingStream<[FleetJournalItem], any Error>
        do {
            stream = try await context.fleet.journal(query)
        } catch let error as ClusterManagerError where error.code == .unit {
            // The units are known, so it is the path that is not.
            throw ClusterManagerError(
                .refused, "the server at the endpoint gives no journals (\(error.message)); --ssh reads them by ssh")
        }
        var isComplete = true
        var hasEntries = false
        for try await items in stream {
            var text = ""
            for item in items {
                switch item {
                case .entry(let entry):
                    hasEntries = true
                    text += form.text(entry, isRaw: isRaw, hasColours: context.console.output.hasColours)
                case .notice(let notice, let machine):
                    isComplete = false
                    // What was printed before stands before it, also where both streams are one terminal.
                    flush(&text)
                    context.warn((machine.map { "machine \(FleetView.short($0)) " } ?? "") + notice)
                case .caughtUp: continue
                }
            }
            flush(&text)
        }
        if !hasEntries, isComplete { context.warn("no entries") }
        if !isComplete { throw ClusterManagerError(.partial, "") }
    }

    private func flush(_ text: inout String) {
        if !text.isEmpty { context.console.output.write(text) }
        text = ""
    }

    /// The units that the arguments mean, each once, all of them known to the cluster.
    static func units(_ arguments: [String], in fleet: any FleetService) async throws -> [UnitName] {
        let arguments = arguments.map(UnitArgument.init)
        let all = arguments.contains(where: \.isPattern) ? try await fleet.units().map(\.name) : []
        var names: [UnitName] = []
        for argument in arguments {
            let meant: [UnitName]
            if argument.isPattern {
                meant = try argument.matches(all, for: "journal") { $0.isTemplate ? "is a template" : nil }
            } else {
                let name = try argument.name()
                guard try await fleet.unit(name) != nil else {
                    throw ClusterManagerError(.unit, "there is no unit \(name); see 'cluster-manager list-unit-files'")
                }
                meant = [name]
            }
            names += meant.filter { !names.contains($0) }
        }
        return names
    }
}
