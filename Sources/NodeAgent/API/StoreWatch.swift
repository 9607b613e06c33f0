// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetAPIServer
import FoundationEssentials
import HTTPTransport
import Logging
import Synchronization

/// Looks from time to time whether etcd lets in those whom nobody has admitted, and says so.
///
/// Once, at the start, is not enough: an etcd that is set up anew, or whose logins an operator turned off for a moment, is open
/// from then on. So it looks again from time to time, and whenever somebody asks.
final class StoreWatch: Sendable {
    private let configuration: EtcdConfiguration
    /// This machine has no certificate, so nobody is known here.
    private let isInsecure: Bool
    private let http = HTTPClient()
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var found: [StoreOpenness] = []
        /// The warnings of the last look.
        var said: [String] = []
        var lastLook: ContinuousClock.Instant?
    }

    init(_ configuration: EtcdConfiguration, isInsecure: Bool, logger: Logger) {
        self.configuration = configuration
        self.isInsecure = isInsecure
        self.logger = logger
    }

    /// How long one request may take.
    private static let patience = Duration.seconds(2)
    /// From one look to the next, in seconds: each is three requests to each member, from every machine of the cluster.
    private static let pause = 2_700...4_500
    /// What was seen so long ago is looked at anew when somebody asks.
    private static let freshness = Duration.seconds(30)

    /// Looks until cancelled.
    func run() async {
        while !Task.isCancelled {
            await look()
            try? await Task.sleep(for: .seconds(Int.random(in: Self.pause)))
        }
    }

    @discardableResult
    private func look() async -> [StoreOpenness] {
        state.withLock { $0.lastLook = .now }
        let (tls, http) = (configuration.tls, http)
        let found = await withTaskGroup(of: StoreOpenness.self) { group in
            for endpoint in configuration.endpoints {
                group.addTask { await StoreOpenness.of(endpoint, showing: tls, by: http, within: Self.patience) }
            }
            let unordered = await group.reduce(into: [:]) { $0[$1.endpoint] = $1 }
            return configuration.endpoints.compactMap { unordered[$0] }
        }
        guard !Task.isCancelled else { return found }
        let warnings = found.flatMap { API.StoreMember($0, now: Date()).warnings }
        let said = state.withLock { state in
            state.found = found
            defer { state.said = warnings }
            return state.said
        }
        for words in warnings where !said.contains(words) { logger.warning("\(words)") }
        return found
    }

    var route: Route {
        Route(.readStoreOpenness) { [self] (request, _) async throws(ServerFailure) in
            try await report(mayBeOld: request.queryValues("look").last != "now")
        }
    }

    private func report(mayBeOld: Bool) async throws(ServerFailure) -> ServerReply {
        var (found, lastLook) = state.withLock { ($0.found, $0.lastLook) }
        if found.isEmpty || !mayBeOld {
            found = await look()
        } else if lastLook.map({ ContinuousClock.now - $0 > Self.freshness }) ?? true {
            // Whoever asks next has it; this one does not wait for an etcd that may not answer.
            Task { await look() }
        }
        guard
            let bytes = try? JSONEncoder().encode(
                API.StoreOpenness(
                    members: found.map { API.StoreMember($0, now: Date()) }, isInsecure: isInsecure))
        else {
            throw ServerFailure(500)
        }
        return ServerReply(
            status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }
}

extension API.StoreMember {
    /// Seconds: a twelfth of the life that `cluster certificate etcd` gives, as long as a machine's own certificate lives.
    private static let soon = 30.0 * 86_400

    init(_ found: StoreOpenness, now: Date) {
        self.init(
            endpoint: found.endpoint, version: found.version.map { "\($0)" }, isPlain: found.isPlain,
            takesStrangers: found.takesStrangers, asksForLogin: found.asksForLogin,
            letsUsersPastTheirRights: found.version?.letsUsersPastTheirRights,
            certificateEndsAt: found.certificateEnd.map { $0 * 1000 },
            certificateEndsSoon: found.certificateEnd.map { Double($0) - now.timeIntervalSince1970 < Self.soon })
    }
}
