// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import Registry

/// The store as a session needs it: beside keys and leases, who its members are, how they are, and whether it is the same as before.
package protocol SessionStore: KeyValueStore {
    /// URLs of the members, as far as they are known here.
    var memberURLs: [String] { get }

    /// Where the next question goes, by its number: of a gated store a gate.
    var preferredEndpoint: Int { get }

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

    /// Asks how a member is, once: the member itself, or of a gated store the gate of that number.
    func probe(member url: String, by endpoint: Int) async -> EndpointAnswer

    /// The members of the store, as one of them knows them.
    func members() async throws(EtcdError) -> [EtcdMember]
}

extension EtcdClient: SessionStore {}
