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
/// Right at the start is not enough: an etcd that is set up anew, or whose logins an operator turned off for a moment, is open
/// from then on.
final class StoreWatch: Sendable {
    private let configuration: EtcdConfiguration
    private let http = HTTPClient()
    private let logger: Logger
    private let seen = Mutex<[StoreOpenness]>([])

    init(_ configuration: EtcdConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// How long one request may take.
    private static let patience = Duration.seconds(5)
    /// From one look to the next; each is three requests to each member.
    private static let pause = Duration.seconds(60)

    /// Looks until cancelled.
    func run() async {
        while !Task.isCancelled {
            await look()
            try? await Task.sleep(for: Self.pause)
        }
    }

    @discardableResult
    private func look() async -> [StoreOpenness] {
        var found: [StoreOpenness] = []
        for endpoint in configuration.endpoints {
            found.append(
                await StoreOpenness.of(endpoint, showing: configuration.tls, by: http, within: Self.patience))
        }
        guard !Task.isCancelled else { return found }
        let before = seen.withLock { value in
            defer { value = found }
            return value
        }
        for member in found where !before.contains(member) {
            for words in API.StoreMember(member).warnings { logger.warning("\(words)") }
        }
        return found
    }

    var route: Route {
        Route(
            API.ownPrefix + "/store/openness", needs: .role(.viewer),
            ["GET": { [self] (_, _) async throws(ServerFailure) in try await report() }])
    }

    private func report() async throws(ServerFailure) -> ServerReply {
        var found = seen.withLock { $0 }
        if found.isEmpty { found = await look() }
        guard let bytes = try? JSONEncoder().encode(API.StoreOpenness(members: found.map(API.StoreMember.init))) else {
            throw ServerFailure(500)
        }
        return ServerReply(
            status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }
}

extension API.StoreMember {
    init(_ found: StoreOpenness) {
        self.init(
            endpoint: found.endpoint, version: found.version.map { "\($0)" }, isPlain: found.isPlain,
            takesStrangers: found.takesStrangers, asksForLogin: found.asksForLogin,
            letsUsersPastTheirRights: found.version?.letsUsersPastTheirRights)
    }
}
