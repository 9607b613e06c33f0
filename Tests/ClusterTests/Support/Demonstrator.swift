// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// The demonstrator, as most tests use it: something real to run.
extension Cluster {
    /// Starts the demonstrator and waits until all of it runs.
    ///
    /// - Returns: Its units by name: provisioning, and as many agents of each kind as asked for.
    @discardableResult
    func startDemonstrator(celix: Int = 2, felix: Int = 2) async throws -> [String: Sighting] {
        try await manage("--start", "--celixAgents=\(celix)", "--felixAgents=\(felix)")
        return try await running(Self.demonstrator(celix: celix, felix: felix))
    }

    /// Names of the demonstrator's units, sorted.
    static func demonstrator(celix: Int = 2, felix: Int = 2) -> [String] {
        (1...celix).map { "celix@\($0).service" } + (1...felix).map { "felix@\($0).service" } + ["provisioning.service"]
    }

    /// Checks that `units` are now where and as they were, not restarted, except those of `lost` machines.
    func expectUntouched(
        _ units: [String: Sighting], except lost: Set<String> = [], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let now = try await running(units.keys.sorted())
        for (name, before) in units where !lost.contains(before.machine) {
            #expect(
                now[name]?.identity == before.identity, "\(name) was moved or restarted", sourceLocation: sourceLocation
            )
        }
    }

    /// Checks for as long as `time` that `units` are where and as they were.
    func expectUntouched(
        _ units: [String: Sighting], for time: Duration, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            try await expectUntouched(units, sourceLocation: sourceLocation)
            // Leaves the processors to those who are looked at.
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}
