// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// A local cluster of its own: another state folder, hence another network, than the user's or another test's.
struct LocalCluster: Sendable {
    /// Machines are namespaces and mounts, which only root may make.
    static let isPossible = geteuid() == 0

    let state: String
    private let programs: String

    /// The name of its network namespace and control group.
    var name: String { String(state.split(separator: "/").last ?? "") }

    /// Boots `count` machines without node agents, hands the cluster to `body`, and ends it whatever happened.
    static func with(machines count: Int, _ body: @Sendable (LocalCluster) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            for program in ["node-agent", "cluster-manager", "demonstrator"] {
                try write("#!/bin/sh\nexec sleep infinity\n", to: "\(folder)/\(program)", executable: true)
            }
            let suffix = String(UInt32.random(in: 0...UInt32.max), radix: 16)
            let cluster = LocalCluster(state: "/run/flotilla-test-\(suffix)", programs: folder)
            let result: Result<Void, any Error>
            do {
                try await cluster.succeed("up", "\(count)", "--no-agent")
                try await body(cluster)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            // Also when this task was cancelled: a time limit must not leave machines behind.
            let down = try await Task { try await cluster.run("down") }.value
            #expect(down.status == 0, "\(down.error)")
            try result.get()
            try await cluster.expectNoTrace()
        }
    }

    func run(_ words: String...) async throws -> Shell.Outcome { try await run(words) }

    private func run(_ words: [String]) async throws -> Shell.Outcome {
        try await Shell.run(
            ["bin/local-cluster"] + words, environment: ["FLOTILLA_LOCAL_STATE": state, "FLOTILLA_BIN_DIR": programs])
    }

    /// Runs a command that must succeed, and gives what it printed.
    @discardableResult
    func succeed(_ words: String...) async throws -> [String] {
        let outcome = try await run(words)
        try #require(outcome.status == 0, "\(words): \(outcome.error)")
        return outcome.lines
    }

    /// Waits for a state of etcd: a signal, and the first answer after it, take their time on a busy host.
    func expectEtcd(_ wanted: String) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        var seen = try await succeed("etcd", "status")
        while seen != [wanted], ContinuousClock.now < deadline { seen = try await succeed("etcd", "status") }
        #expect(seen == [wanted])
    }

    /// The table of machines: name to the columns after it.
    func table() async throws -> [String: [String]] {
        try await succeed("status").dropFirst().reduce(into: [:]) { table, line in
            let columns = line.split(separator: " ").map(String.init)
            table[columns[0]] = Array(columns.dropFirst())
        }
    }

    private func expectNoTrace() async throws {
        for path in [state, "\(state).lock", "/run/netns/\(name)"] {
            #expect(!FileManager.default.fileExists(atPath: path), "\(path) is left")
        }
        let groups = try await Shell.run(["find", "/sys/fs/cgroup", "-type", "d", "-name", name])
        #expect(groups.output.isEmpty, "control groups are left: \(groups.output)")
        let processes = try await Shell.run(["pgrep", "--full", "--list-full", "machine=\(name)-"])
        #expect(processes.output.isEmpty, "processes are left: \(processes.output)")
    }
}
