// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

/// Gives the tests of a suite one etcd between them; each test keeps to keys of its own.
struct SharedEtcd: SuiteTrait, TestScoping {
    @TaskLocal static var server: EtcdServer?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        var options = EtcdServer.Options()
        options.heartbeatMilliseconds = 30
        let server = try await EtcdServer.start(options)
        try await Self.$server.withValue(server) { try await function() }
    }

    /// A client of the suite's etcd.
    static func client(_ change: (inout EtcdConfiguration) -> Void = { _ in }) throws -> EtcdClient {
        var configuration = try #require(server).configuration(timeout: .seconds(20))
        change(&configuration)
        return try EtcdClient(configuration)
    }
}

extension Trait where Self == SharedEtcd {
    static var etcd: SharedEtcd { SharedEtcd() }
}

extension [UInt8] {
    init(_ text: String) { self = Array(text.utf8) }
}

/// Reads `watch` until `isEnough` says so of all events seen.
func collect(
    _ watch: AsyncThrowingStream<WatchBatch, any Error>, until isEnough: ([WatchBatch]) -> Bool
) async throws -> [WatchBatch] {
    var batches: [WatchBatch] = []
    for try await batch in watch {
        batches.append(batch)
        if isEnough(batches) { break }
    }
    return batches
}

extension Task where Failure == any Error {
    /// The task's value; cancelling who waits for it cancels it too, so that a test's time limit holds.
    func joined() async throws -> Success {
        try await withTaskCancellationHandler {
            try await value
        } onCancel: {
            cancel()
        }
    }
}
