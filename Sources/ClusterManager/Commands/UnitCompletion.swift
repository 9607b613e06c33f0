// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import FoundationEssentials

/// Completes names of units and machines in the shell by asking the cluster.
enum UnitCompletion {
    /// Longer than this nobody waits at the Tab key.
    private static let patience: Duration = .seconds(1)

    /// The units whose names begin with `prefix`.
    @Sendable static func names(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        await candidates(words, prefix) { try await $0.units().map(\.name.rawValue) }
    }

    /// The machines, by the digits that the tables show.
    @Sendable static func machines(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        await candidates(words, prefix) { fleet in
            // Whoever typed more digits than the tables show goes on with the whole id.
            try await fleet.machines().map { prefix.count > 8 ? $0.id : String($0.id.prefix(8)) }
        }
    }

    /// The templates among the units.
    @Sendable static func templates(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        await candidates(words, prefix) { try await $0.units().map(\.name).filter(\.isTemplate).map(\.rawValue) }
    }

    /// Units and machines, for commands that take both.
    @Sendable static func places(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
        async let units = names(words, index, prefix)
        async let machines = machines(words, index, prefix)
        return await units + machines
    }

    /// What of the cluster's answer begins with `prefix`.
    ///
    /// Nothing when it does not answer, for a shell has no place for errors. Through a tunnel nothing is asked: logging in takes too long, and may want a password.
    private static func candidates(
        _ words: [String], _ prefix: String, _ ask: (any FleetService) async throws -> [String]
    ) async -> [String] {
        let environment = ProcessInfo.processInfo.environment
        let isTunnelled =
            CompatibleVariables(environment)["TUNNEL"] != nil || words.contains { $0.hasPrefix("--tunnel") }
        guard !isTunnelled else { return [] }
        var endpoint = words.last { $0.hasPrefix("--endpoint=") }.map { String($0.dropFirst("--endpoint=".count)) }
        if let index = words.lastIndex(of: "--endpoint"), index + 1 < words.count { endpoint = words[index + 1] }
        let settings = ConnectionSettings(endpoint: endpoint, requestTimeout: patience, environment: environment)
        guard let fleet = try? FleetClientAdapter.connect(settings), let found = try? await ask(fleet) else {
            return []
        }
        return found.filter { $0.hasPrefix(prefix) }
    }
}
