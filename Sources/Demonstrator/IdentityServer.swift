// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Hummingbird
package import Logging
import Synchronization

/// Serves a unit's identity: a page at `/`, the same as JSON at `/status.json`.
package struct IdentityServer: Sendable {
    private let identity: UnitIdentity
    private let address: String
    private let port: Int
    private let logger: Logger

    /// Prepares a server; nothing is opened before `run()`.
    ///
    /// - Parameters:
    ///   - identity: What it tells.
    ///   - address: What to listen on; all interfaces unless said otherwise, since other machines' users look at it.
    ///   - port: 1 to 65535, or 0 for any free one.
    ///   - logger: Where it reports that it listens, and why it ends.
    package init(identity: UnitIdentity, address: String = "0.0.0.0", port: Int, logger: Logger) {
        self.identity = identity
        self.address = address
        self.port = port
        self.logger = logger
    }

    /// The routes, apart from the network.
    package func router() throws -> Router<BasicRequestContext> {
        let page = IdentityPage.html(identity)
        let status = try identity.json()
        let router = Router()
        router.get("/") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: page)))
        }
        router.get("/status.json") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: status)))
        }
        return router
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Throws: `DemonstratorError` with code `.cannotListen` when the port cannot be had.
    package func run() async throws {
        let isListening = Mutex(false)
        let application = Application(
            router: try router(),
            configuration: ApplicationConfiguration(address: .hostname(address, port: port)),
            onServerRunning: { _ in isListening.withLock { $0 = true } },
            logger: logger)
        do {
            try await application.runService()
        } catch  where !isListening.withLock({ $0 }) {
            throw DemonstratorError(
                code: .cannotListen,
                message: "\(identity.unit) cannot listen on \(address):\(port): \(error); what holds it: ss -ltnp")
        }
    }
}
