// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import X509

/// Signs what etcd, and those who may reach it, show one another.
///
/// etcd takes every certificate that its trusted authority has signed, and can tell a user's from a machine's by nothing (its
/// JSON gateway works without `--client-cert-allowed-hostname` only). So it trusts this authority alone, which signs for
/// etcd and for machines, and whom the cluster's own authority has appointed: machines believe etcd by that one.
package struct StoreAuthority: Sendable {
    private let signer: Signer

    /// The name that members of etcd ask of one another (`--peer-cert-allowed-hostname`): a machine's certificate has another.
    package static let peerName = "etcd-peer.flotilla"

    /// Makes a new authority for the store, with a new key.
    package init(appointedBy authority: CertificateAuthority, now: Date) throws(IdentityError) {
        let key = KeyPair()
        let name = try CertificateAuthority.subject("\(authority.cluster) etcd \(key.mark)")
        signer = Signer(certificate: try authority.appoint(key, as: name, now: now), key: key)
    }

    /// Takes an authority up from its files.
    package init(certificatePEM: String, keyPEM: String) throws(IdentityError) {
        signer = try Signer(certificatePEM: certificatePEM, keyPEM: keyPEM)
    }

    /// The same key and name, appointed by another authority: who trusts this key goes on to trust it.
    package func reappointed(by authority: CertificateAuthority, now: Date) throws(IdentityError) -> StoreAuthority {
        StoreAuthority(
            Signer(
                certificate: try authority.appoint(signer.key, as: signer.certificate.subject, now: now),
                key: signer.key))
    }

    private init(_ signer: Signer) { self.signer = signer }

    package var certificatePEM: String { (try? Signer.pem(of: signer.certificate)) ?? "" }
    package var keyPEM: String { signer.key.pem }

    /// Signs a member of etcd's certificate: for its clients, for its peers, and for its own gateway, which calls it as a client.
    ///
    /// - Parameters:
    ///   - request: Brings the key.
    ///   - addresses: Where clients and peers reach it.
    ///   - now: The present time.
    ///   - life: Seconds.
    /// - Returns: The certificate and this authority's own, in PEM form.
    /// - Throws: `.expired` when the authority's time is over, `.malformed` for an address that is none.
    package func issueMember(
        _ request: CertificateRequest, addresses: [String], now: Date,
        life: TimeInterval = CertificateAuthority.Life.server
    ) throws(IdentityError) -> String {
        let names = try ([Self.peerName] + addresses).map(CertificateAuthority.generalName)
        let leaf = try signer.sign(
            request, name: nil, names: names, usages: [.serverAuth, .clientAuth], now: now, life: life)
        return leaf + "\n" + certificatePEM
    }

    /// Signs what a client shows etcd, in PEM form; who it is etcd asks by its login.
    ///
    /// It lives longer than a machine's identity: a cluster that has lost its authority must not lose its store with it.
    package func issueClient(
        _ request: CertificateRequest, name: String, now: Date, life: TimeInterval = CertificateAuthority.Life.server
    ) throws(IdentityError) -> String {
        try signer.sign(
            request, name: nil, names: [try CertificateAuthority.generalName(name + ".etcd-client.flotilla")],
            usages: [.clientAuth], now: now, life: life)
    }
}
