// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

/// Gives the tests of a suite, and of the suites inside it, one cluster of real machines between them.
struct RealMachines: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await Cluster.with { try await function() }
    }
}

/// Gives the tests of a suite a cluster of their own, whose etcd has three members.
struct ThreeMembers: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await Cluster.withThreeMembers { try await function() }
    }
}

/// Gives each test the machines up and idle, and prints all machines' journals when it fails.
struct IdleMachines: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let cluster = try Cluster.shared
        let witness = Witness()
        let issues = IssueHandlingTrait.compactMapIssues { issue in
            witness.sawIssue()
            return issue
        }
        do {
            try await issues.provideScope(for: test, testCase: testCase) {
                try await Self.prepare(cluster)
                try await function()
            }
        } catch {
            await tell(cluster, test)
            throw error
        }
        if witness.hasSeenIssue { await tell(cluster, test) }
    }

    /// What the test before left of the cluster.
    private enum Remains {
        case fine, doubtful, beyondMending
    }

    private static let remains = Mutex(Remains.fine)

    /// Brings the cluster to rest.
    ///
    /// One that does not come to rest fails this test, and costs no other one: the next gets a new one.
    private static func prepare(_ cluster: Cluster) async throws {
        let former = remains.withLock { $0 }
        if former == .beyondMending {
            try await cluster.rebuild()
        } else {
            remains.withLock { $0 = .beyondMending }
            // After a failure the store is no proof: a machine that just lost its power is still in it.
            let isFine = former == .doubtful ? false : try await cluster.clear()
            if !isFine { try await cluster.mend() }
        }
        remains.withLock { $0 = .fine }
    }

    private func tell(_ cluster: Cluster, _ test: Test) async {
        Self.remains.withLock { $0 = $0 == .fine ? .doubtful : $0 }
        do {
            print("journals after \"\(test.displayName ?? test.name)\" failed:\n\(try await cluster.journals())")
        } catch {
            print("no journals: \(error)")
        }
    }

    private final class Witness: Sendable {
        private let seen = Mutex(false)

        var hasSeenIssue: Bool { seen.withLock { $0 } }

        func sawIssue() { seen.withLock { $0 = true } }
    }
}

extension Trait where Self == RealMachines {
    static var realMachines: RealMachines { RealMachines() }
}

extension Trait where Self == ThreeMembers {
    static var threeMembers: ThreeMembers { ThreeMembers() }
}

extension Trait where Self == IdleMachines {
    static var idleMachines: IdleMachines { IdleMachines() }
}

/// Everything that is tested on real machines: one after another, on one cluster.
///
/// It needs root, systemd-nspawn, etcd and the built programs; where one is missing it fails and says which.
@Suite("a cluster of real machines", .serialized, .realMachines, .idleMachines, .timeLimit(.minutes(10)))
struct ClusterTests {}
