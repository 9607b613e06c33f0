// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle

/// Serves the API at one or several addresses until it is told to end.
package struct FleetAPIServer: Service {
    /// What one server takes on.
    package struct Limits: Sendable {
        /// What each class of callers may take.
        package var bounds = Bounds()
        /// Connections at one address of ours, of all classes; more wait in the kernel's queue.
        package var connections = 2304
        /// The longest head of a request, in bytes, and the most fields in it.
        package var head = 64 << 10
        package var headFields = 100
        /// Until a whole request must be there, from the opening of its connection or the end of the answer before.
        package var request: Duration = .seconds(60)
        /// Until a client that stopped reading its answer must read on.
        package var stall: Duration = .seconds(60)
        /// How long a server that is cancelled goes on, so that the requests that it has taken are answered first.
        package var farewell: Duration = .seconds(1)
        package init() {}
    }

    let service: APIService
    let listeners: [APIEndpoint]
    let allowsRemote: Bool
    let identity: ServerIdentity?
    let recognition: any CallerRecognition
    let limits: Limits
    let logger: Logger
    let whenPresent: @Sendable (APIEndpoint) async -> Void
    let onListening: @Sendable (APIEndpoint) async -> Void
    private let load: ServerLoad
    private let exchanges = Exchanges()

    /// Connections that are open at all its addresses together.
    package var openConnections: Int { load.connections.total }

    /// - Parameters:
    ///   - access: The cluster that is served.
    ///   - listeners: Where to answer; port 0 picks a free one.
    ///   - version: Our version, for the header `Server`.
    ///   - allowsRemote: Whether plain TCP may be served beyond loopback.
    ///   - identity: What the server proves itself with at addresses with TLS.
    ///   - recognition: Decides who callers are.
    ///   - audit: Keeps what callers did.
    ///   - limits: Bounds that keep clients from using up the machine.
    ///   - extraRoutes: Paths of other subsystems.
    ///   - logger: Where the server reports.
    ///   - whenPresent: Waited for before a listener is opened: until the machine has its address, or the server is to end.
    ///   - onListening: Called for each listener once it accepts connections, with the port it really has.
    package init(
        access: any ClusterAccess, listeners: [APIEndpoint], version: String, allowsRemote: Bool = false,
        identity: ServerIdentity? = nil, recognition: any CallerRecognition = OpenDoor(),
        audit: (any AuditKeeper)? = nil, limits: Limits = Limits(), extraRoutes: [Route] = [], logger: Logger,
        whenPresent: @escaping @Sendable (APIEndpoint) async -> Void = { _ in },
        onListening: @escaping @Sendable (APIEndpoint) async -> Void = { _ in }
    ) {
        self.service = APIService(access: access, version: version, extraRoutes: extraRoutes, audit: audit)
        self.listeners = listeners
        self.allowsRemote = allowsRemote
        self.identity = identity
        self.recognition = recognition
        self.load = ServerLoad(limits.bounds)
        self.limits = limits
        self.logger = logger
        self.whenPresent = whenPresent
        self.onListening = onListening
    }

    /// Serves until cancelled or shut down gracefully; then lets requests in progress end.
    ///
    /// A request may be what ends this program: an order to adopt another store, to restart, to leave. Whoever gave it learns
    /// that it was taken, for what has been asked before a cancellation is answered before the connections go.
    ///
    /// - Throws: `ListenerError`, or what binding to an address fails with; the other addresses are then given up too.
    package func run() async throws {
        for listener in listeners { try Listener.prepare(listener, allowsRemote: allowsRemote) }
        defer { for listener in listeners { Listener.cleanUp(listener) } }
        // A task of its own, which our cancellation does not reach at once.
        let serving = Task { try await serveAll() }
        try await withTaskCancellationHandler {
            try await serving.value
        } onCancel: {
            Task {
                await exchanges.answered(within: limits.farewell)
                serving.cancel()
            }
        }
    }

    private func serveAll() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for listener in listeners {
                group.addTask {
                    await whenPresent(listener)
                    if !Task.isCancelled { try await serve(listener) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func serve(_ listener: APIEndpoint) async throws {
        let protection = Failure()
        var quiet = logger
        quiet.handler = OrderlyEnd(logger.handler)
        let application = Application(
            responder: HTTPBridge(
                service: service, recognition: recognition, load: load, listener: listener),
            server: try serverBuilder(listener),
            configuration: ApplicationConfiguration(
                address: address(of: listener),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)),
            onServerRunning: { channel in
                do throws(ListenerError) {
                    try Listener.protect(listener)
                } catch {
                    await protection.set(error)
                    channel.close(promise: nil)
                    return
                }
                await onListening(listener.withPort(channel.localAddress?.port))
            }, logger: quiet)
        try await application.run()
        if let error = await protection.error { throw error }
    }

    /// Carries an error out of the callback that cannot throw.
    private actor Failure {
        private(set) var error: ListenerError?

        func set(_ error: ListenerError) { self.error = error }
    }

    private var channelConfiguration: HTTP1Channel.Configuration {
        let deadlines = ConnectionDeadlines.Limits(
            request: TimeAmount(limits.request), stall: TimeAmount(limits.stall))
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                ConnectionGate(load.connections), ExchangeWatch(exchanges), ConnectionDeadlines(limits: deadlines),
            ],
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.head, maxHeaderListSize: limits.head, maxHeaderFieldCount: limits.headFields)
        )
    }

    private func serverBuilder(_ listener: APIEndpoint) throws(ListenerError) -> HTTPServerBuilder {
        let configuration = channelConfiguration
        guard case .tls = listener else {
            return HTTPServerBuilder { responder in
                FormedChannel(base: HTTP1Channel(responder: responder, configuration: configuration))
            }
        }
        guard let identity else {
            throw ListenerError(
                code: .badIdentity,
                message: "cannot serve the API at \(listener): this machine has no certificate; join the cluster with "
                    + "node-agent join")
        }
        return HTTPServerBuilder { responder in
            SecuredChannel(
                base: FormedChannel(base: HTTP1Channel(responder: responder, configuration: configuration)),
                identity: identity)
        }
    }

    private func address(of listener: APIEndpoint) -> BindAddress {
        switch listener {
        case .unix(let path): .unixDomainSocket(path: path)
        case .tcp(let host, let port), .tls(let host, let port): .hostname(host, port: Int(port))
        }
    }
}

extension APIEndpoint {
    /// The same address with the port that the system picked, where it picked one.
    fileprivate func withPort(_ actual: Int?) -> APIEndpoint {
        guard let actual, let port = UInt16(exactly: actual) else { return self }
        switch self {
        case .unix: return self
        case .tcp(let host, _): return .tcp(host: host, port: port)
        case .tls(let host, _): return .tls(host: host, port: port)
        }
    }
}

/// What callers take of one server, at all its addresses.
struct ServerLoad: Sendable {
    let bounds: Bounds
    let rates: RateLimit
    let connections: ConnectionBook
    let streams = Shares()
    let bodies = Shares()
    let answers = Shares()

    init(_ bounds: Bounds) {
        self.bounds = bounds
        rates = RateLimit(bounds, now: { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 })
        connections = ConnectionBook(bounds)
    }
}
