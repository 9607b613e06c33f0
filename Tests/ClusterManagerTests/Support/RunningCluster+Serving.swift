// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import Logging
import Testing

extension RunningCluster {
    /// Runs `body` while the real server answers for this cluster at a unix socket in `folder`.
    ///
    /// - Parameters:
    ///   - folder: Where the socket is made.
    ///   - extraRoutes: Paths beside fleet's.
    ///   - body: Gets the socket's path, and the server's task, which it may cancel.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and a failed requirement when the server does not listen.
    func serving<Answer>(
        in folder: String, extraRoutes: [Route] = [],
        _ body: (_ socket: String, _ server: Task<Void, any Error>) async throws -> Answer
    ) async throws -> Answer {
        let socket = "\(folder)/api.sock"
        let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
        let server = FleetAPIServer(
            access: self, listeners: [.unix(path: socket)], version: "9.9", extraRoutes: extraRoutes,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onListening: { isListening.yield($0) })
        let running = Task {
            defer { isListening.finish() }
            try await server.run()
        }
        defer { running.cancel() }
        var endpoints = listening.makeAsyncIterator()
        try #require(await endpoints.next() != nil)
        return try await body(socket, running)
    }
}
