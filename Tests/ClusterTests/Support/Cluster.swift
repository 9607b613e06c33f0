// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

/// The cluster of real machines that all tests of this target share.
///
/// It is booted once, by `RealMachines`, and brought back to five idle machines before each test.
struct Cluster: Sendable {
    @TaskLocal private static var running: Cluster?

    /// How many machines there are at the beginning of each test.
    static let size = 5

    /// Folder of all state; its last part is also the name of the network.
    let state: String
    /// How many machines this one has at the beginning of each test.
    var machineCount = Cluster.size
    /// How many members its etcd has.
    var members = 1
    /// The folder of the packages that its machines have the programs from; `nil` where they share the host's.
    var packages: String?

    /// The cluster of the test that calls this.
    static var shared: Cluster {
        get throws { try #require(running, "no cluster: the suite lacks the trait .realMachines") }
    }

    /// Boots the machines, runs `body`, and removes every trace of them, however `body` ended.
    ///
    /// The state folder is `/run/flotilla-test`, or `FLOTILLA_TEST_STATE`; what a crashed run left there goes first.
    static func with(_ body: () async throws -> Void) async throws {
        let folder = getenv("FLOTILLA_TEST_STATE").map { String(cString: $0) } ?? "/run/flotilla-test"
        for suffix in ["-store", "-new", "-packages"] { try await Cluster(state: folder + suffix).control("down") }
        try await Cluster(state: folder).boot(body)
    }

    /// The same with a cluster beside that one, of two machines, whose etcd has three members and little space.
    static func withThreeMembers(_ body: () async throws -> Void) async throws {
        let folder = try shared.state + "-store"
        try await Cluster(state: folder, machineCount: 2, members: 3).boot(body)
    }

    /// The same with a cluster beside that one, of three machines that have the programs from the packages in a folder.
    static func withPackages(_ packages: String, _ body: () async throws -> Void) async throws {
        let folder = try shared.state + "-packages"
        try await Cluster(state: folder, machineCount: 3, packages: packages).boot(body)
    }

    /// Boots the machines anew, with a store of their own, after whatever was there is gone.
    func rebuild() async throws {
        try await control("down")
        let store = members == 1 ? [] : ["--etcd-members", "\(members)", "--etcd-quota", "24"]
        let programs = packages.map { ["--packages", $0] } ?? []
        let outcome = try await run("bin/local-cluster", ["up", "\(machineCount)"] + store + programs)
        guard outcome.status == 0 else { throw ClusterFailure("no cluster: \(outcome.error)") }
    }

    private func boot(_ body: () async throws -> Void) async throws {
        let result: Result<Void, any Error>
        do {
            try await rebuild()
            try await Self.$running.withValue(self) { try await body() }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await control("down")
        try result.get()
    }

    /// Runs `bin/local-cluster`, which must succeed.
    ///
    /// - Returns: What it printed, line by line.
    @discardableResult
    func control(_ words: String...) async throws -> [String] { try await control(words) }

    /// Runs `bin/local-cluster`, which must succeed, and gives what it printed.
    @discardableResult
    func control(_ words: [String], environment: [String: String?] = [:]) async throws -> [String] {
        let outcome = try await run("bin/local-cluster", words, environment: environment)
        guard outcome.status == 0 else {
            throw ClusterFailure("bin/local-cluster \(words.joined(separator: " ")) failed: \(outcome.error)")
        }
        return outcome.lines
    }

    /// Runs `bin/cluster-manager` as a user would, whatever comes of it.
    func manager(_ words: String...) async throws -> Shell.Outcome { try await run("bin/cluster-manager", words) }

    /// Runs `bin/cluster-manager` as a user would, whatever comes of it.
    func manager(_ words: [String]) async throws -> Shell.Outcome { try await run("bin/cluster-manager", words) }

    /// Runs `bin/cluster-manager`, which must succeed.
    ///
    /// - Returns: What it printed to standard output, line by line.
    @discardableResult
    func manage(_ words: String...) async throws -> [String] { try await manage(words) }

    /// Runs `bin/cluster-manager`, which must succeed, and gives what it printed to standard output.
    @discardableResult
    func manage(_ words: [String]) async throws -> [String] {
        let outcome = try await manager(words)
        guard outcome.status == 0 else {
            throw ClusterFailure(
                "cluster-manager \(words.joined(separator: " ")) ended with \(outcome.status): \(outcome.error)")
        }
        return outcome.lines
    }

    /// Runs a shell script in a machine, cut off or not; it must succeed.
    ///
    /// - Returns: What it printed, line by line.
    @discardableResult
    func inside(_ machine: String, _ script: String) async throws -> [String] {
        try await control("exec", machine, "bash", "-euo", "pipefail", "-c", script)
    }

    /// Runs a program in a machine, whatever comes of it.
    func attempt(in machine: String, _ words: String...) async throws -> Shell.Outcome {
        try await run("bin/local-cluster", ["exec", machine] + words)
    }

    /// Runs a program in the cluster's network, whatever comes of it.
    func attemptInNetwork(_ words: String...) async throws -> Shell.Outcome {
        try await run("bin/local-cluster", ["net"] + words)
    }

    /// Runs a script of the repository, or any other program, on this cluster.
    func run(
        _ script: String, _ words: [String], environment: [String: String?] = [:]
    ) async throws -> Shell.Outcome {
        let own = ["FLOTILLA_LOCAL_STATE": state, "FLOTILLA_ENDPOINT": nil] as [String: String?]
        return try await Shell.run([script] + words, environment: own.merging(environment) { _, given in given })
    }
}

/// Why a cluster was not as a test needs it.
struct ClusterFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
