// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import Registry

/// The store as a session needs it: beside keys and leases, who its members are, how they are, and whether it is the same as before.
package protocol SessionStore: KeyValueStore {
    /// The addresses of the members that are known here, each of which `probe` can ask.
    var memberEndpoints: [String] { get }

    /// The id of the store that has answered; `nil` until one has.
    var knownClusterID: UInt64? { get }

    /// The newest revision of the store that any answer has shown; 0 before the first.
    var knownRevision: Int64 { get }

    /// Whether another store than the known one answered last.
    var seesAnotherStore: Bool { get }

    /// Seconds by which this machine's clock is ahead of the store's; `nil` until they were compared.
    var clockError: Int64? { get }

    /// The same store, whose calls end after `span`.
    func withTimeout(_ span: Duration) -> Self

    /// Asks one member, once, how it is.
    func probe(_ endpoint: String) async -> EndpointAnswer

    /// The members of the store, as one of them knows them.
    func members() async throws(EtcdError) -> [EtcdMember]
}

extension EtcdClient: SessionStore {
    package var memberEndpoints: [String] { configuration.endpoints }
}
