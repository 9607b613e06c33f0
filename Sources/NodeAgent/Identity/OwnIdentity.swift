// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer
import FoundationEssentials
import HTTPTransport
import Identity
import Synchronization

/// What this machine proves itself with and whom it believes, taken up anew while the agent runs.
final class OwnIdentity: Sendable {
    let folder: MachineFolder
    let cluster: String
    /// For the server's side of TLS.
    let server: ServerIdentity
    private let believed: Mutex<(trust: TrustBundle, generation: Int)>
    /// Whether the authority has said that it signs nothing for etcd; one of version 0.1 does not.
    private let hasNoStoreAuthority: Mutex<Bool>

    /// Reads the identity that joining left in `folder`.
    ///
    /// - Parameters:
    ///   - folder: Where joining has left it.
    ///   - cluster: Whose machine this is.
    ///   - usesStore: Whether this machine shows etcd a certificate; one that goes through gates has none.
    /// - Throws: `IdentityError`, or `ListenerError` when key and certificate do not fit.
    init(folder: MachineFolder, cluster: String, usesStore: Bool = true) throws {
        hasNoStoreAuthority = Mutex(!usesStore)
        self.folder = folder
        self.cluster = cluster
        try folder.unite()
        let (certificate, key) = try folder.credentials()
        server = try ServerIdentity(certificate: Array(certificate.utf8), key: Array(key.pem.utf8))
        believed = Mutex((try folder.trust(), 0))
    }

    /// For the client's side of TLS; files, so that each new connection shows what is there by then.
    var tls: TLSSettings {
        TLSSettings(
            authorityFile: folder.authoritiesFile, certificateFile: folder.credentialsFile,
            keyFile: folder.credentialsFile)
    }

    /// The authorities that are believed now, and how often they have changed.
    var trust: (bundle: TrustBundle, generation: Int) { believed.withLock { ($0.trust, $0.generation) } }

    /// Whether two thirds of the certificate's life are over, another authority has begun to sign, or the one for etcd is missing.
    func isRenewalDue(at now: Date) throws -> Bool {
        let certificate = try folder.credentials().certificate
        return now >= (try CertificateInfo(pem: certificate)).renewal || !trust.bundle.newestSigned(certificate)
            || (!IdentityFile.exists(folder.etcdCredentialsFile) && !hasNoStoreAuthority.withLock { $0 })
    }

    /// Takes a renewed certificate with its new key into use.
    ///
    /// `etcdCertificate` is what it shows etcd, for the same key; `nil` where the authority signs none.
    ///
    /// - Throws: `.unknownAuthority` for a certificate that nobody would take; whom to believe is not for the one to say who
    ///   was asked for it.
    func renew(certificate: String, key: KeyPair, etcdCertificate: String?) throws {
        guard trust.bundle.hasSigned(certificate) else {
            throw IdentityError(.unknownAuthority, "the new certificate is signed by an authority that is not believed")
        }
        try folder.store(
            key: key, certificate: certificate, authorities: nil, etcdPassword: nil,
            etcdCertificate: etcdCertificate)
        hasNoStoreAuthority.withLock { $0 = etcdCertificate == nil }
        try server.replace(certificate: Array(certificate.utf8), key: Array(key.pem.utf8))
    }

    /// Takes other authorities into use, as during a rotation, when those that are believed vouch for them.
    ///
    /// - Throws: `.unknownAuthority` when they do not; everything stays as it is then.
    func believe(_ authorities: String, vouches: [String], now: Date) throws {
        let bundle = try trust.bundle.following(try TrustBundle(pem: authorities), vouches: vouches, now: now)
        try IdentityFile.write(bundle.pem, to: folder.authoritiesFile, mode: IdentityFile.publicMode)
        believed.withLock { $0 = (bundle, $0.generation + 1) }
    }
}
