// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import FoundationEssentials

/// Completes unit names in the shell by asking the cluster.
enum UnitCompletion {
    /// Longer than this nobody waits at the Tab key.
    private static let patience: Duration = .seconds(1)

    /// The names that begin with `prefix`; none when the cluster does not answer, for a shell has no place for errors.
    @Sendable static func names(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        let environment = ProcessInfo.processInfo.environment
        var endpoint = words.last { $0.hasPrefix("--endpoint=") }.map { String($0.dropFirst("--endpoint=".count)) }
        if let index = words.lastIndex(of: "--endpoint"), index + 1 < words.count { endpoint = words[index + 1] }
        let settings = ConnectionSettings(endpoint: endpoint, requestTimeout: patience, environment: environment)
        guard let fleet = try? FleetClientAdapter.connect(settings), let units = try? await fleet.units() else {
            return []
        }
        return units.map(\.name.rawValue).filter { $0.hasPrefix(prefix) }
    }
}
