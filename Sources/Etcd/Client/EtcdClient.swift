// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import HTTPTransport
package import Logging

/// Client of etcd's version 3 API, as JSON over HTTP; etcd 3.4 to 3.6.
///
/// A call tries one endpoint after the other until its deadline. Reads, and writes that do no harm when done twice, are
/// tried again after any passing failure; every other write only while it certainly has not happened. From the first answer on the
/// client stays with that store: another cluster, or one that has lost history, is refused with `.storeReplaced`.
package final class EtcdClient: Sendable {
    package let configuration: EtcdConfiguration
    let http: HTTPClient
    let endpoints: EndpointTable
    let identity: StoreIdentity
    let tokens: TokenKeeper
    let clock: ClockComparison
    let logger: Logger

    /// Makes a client; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - configuration: Checked here.
    ///   - other: A client of the same store, with which to share what is known of it.
    ///   - http: Shared by several clients, it spares threads and connections.
    ///   - logger: Hears of fail-over and reconnects, at level debug.
    /// - Throws: `.invalidRequest` when the configuration makes no sense.
    package init(
        _ configuration: EtcdConfiguration, sameStoreAs other: EtcdClient? = nil, http: HTTPClient = HTTPClient(),
        logger: Logger = Logger(label: "etcd")
    ) throws(EtcdError) {
        self.configuration = try configuration.checked()
        self.http = http
        self.logger = logger
        endpoints = EndpointTable(urls: self.configuration.endpoints)
        identity =
            other?.identity
            ?? StoreIdentity(
                expectedClusterID: configuration.expectedClusterID, expectedRevision: configuration.expectedRevision)
        clock = ClockComparison(now: configuration.wallClock)
        tokens = TokenKeeper(
            Login(user: self.configuration.user, password: self.configuration.password),
            idleLimit: self.configuration.loginIdleLimit)
    }

    private init(_ other: EtcdClient, configuration: EtcdConfiguration) {
        self.configuration = configuration
        http = other.http
        endpoints = other.endpoints
        identity = other.identity
        tokens = other.tokens
        clock = other.clock
        logger = other.logger
    }

    /// The same client, sharing connections, login and all it knows, whose calls end after `requestTimeout`.
    package func withTimeout(_ requestTimeout: Duration) -> EtcdClient {
        var configuration = configuration
        configuration.requestTimeout = max(requestTimeout, .milliseconds(1))
        return EtcdClient(self, configuration: configuration)
    }
}
