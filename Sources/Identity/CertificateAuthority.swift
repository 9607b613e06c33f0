// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Crypto
package import FoundationEssentials
import SwiftASN1
import X509

/// Signs the certificates of one cluster.
package struct CertificateAuthority: Sendable {
    /// How long what it makes is good, in seconds.
    package enum Life {
        package static let authority: TimeInterval = 10 * 365 * 86_400
        package static let machine: TimeInterval = 30 * 86_400
        package static let user: TimeInterval = 365 * 86_400
        package static let server: TimeInterval = 365 * 86_400
    }

    /// Clocks of machines differ: what is signed now is good for somebody whose clock is so many seconds behind.
    static let allowance: TimeInterval = 300

    package let cluster: String
    private let signer: Signer
    var certificate: Certificate { signer.certificate }
    private var key: KeyPair { signer.key }

    /// Makes a new authority with a new key.
    ///
    /// - Parameters:
    ///   - cluster: The cluster whose machines and users it will vouch for.
    ///   - now: The present time.
    ///   - life: Seconds.
    /// - Throws: `.malformed` when the library refuses, which it has no reason to.
    package init(cluster: String, now: Date, life: TimeInterval = Life.authority) throws(IdentityError) {
        let key = KeyPair()
        // A part of the key's hash tells two authorities of one cluster apart, as during a rotation.
        let name = try Self.subject("\(cluster) authority \(key.mark)")
        do {
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: key.certificateKey.publicKey,
                notValidBefore: now - Self.allowance, notValidAfter: now + life, issuer: name, subject: name,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    // One step: the authority that takes over from this one.
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 1))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: key.certificateKey.publicKey)
                }, issuerPrivateKey: key.certificateKey)
            signer = Signer(certificate: certificate, key: key)
        } catch {
            throw IdentityError(.malformed, "no authority can be made for cluster \(cluster): \(error)")
        }
        self.cluster = cluster
    }

    /// Takes an authority up from its files.
    package init(cluster: String, certificatePEM: String, keyPEM: String) throws(IdentityError) {
        signer = try Signer(certificatePEM: certificatePEM, keyPEM: keyPEM)
        self.cluster = cluster
    }

    package var certificatePEM: String { (try? certificate.serializeAsPEM().pemString) ?? "" }
    package var keyPEM: String { key.pem }
    /// SHA-256 of the certificate, as join tokens carry it.
    package var fingerprint: String { CertificateInfo.fingerprint(of: certificate) }
    package var trust: TrustBundle { TrustBundle(authorities: [certificate]) }

    /// Vouches for the authority that takes over, in PEM form.
    ///
    /// Shown beside a certificate that `next` signed, it lets those believe it who know this authority alone, such as
    /// users whose profile is older than the rotation.
    ///
    /// - Throws: `.expired` when this authority's own time is over.
    package func vouch(for next: CertificateAuthority, now: Date) throws(IdentityError) -> String {
        let signed = try signer.appoint(
            next.certificate.publicKey, as: next.certificate.subject, now: now, until: certificate.notValidAfter)
        return try Signer.pem(of: signed)
    }

    /// Signs a certificate that speaks for `principal`, in PEM form.
    ///
    /// - Parameters:
    ///   - request: Brings the key, and nothing else that counts.
    ///   - principal: Whom the certificate speaks for.
    ///   - addresses: IP addresses and host names at which a machine's own server may be reached with it; none for users.
    ///   - now: The present time.
    ///   - life: Seconds; never beyond the authority's own end.
    /// - Returns: The certificate.
    /// - Throws: `.expired` when the authority's own time is over, `.malformed` for an address that is none.
    package func issue(
        _ request: CertificateRequest, for principal: Principal, addresses: [String] = [], now: Date,
        life: TimeInterval? = nil
    ) throws(IdentityError) -> String {
        var usages: [ExtendedKeyUsage.Usage] = [.clientAuth]
        var standard = Life.user
        if case .machine = principal {
            usages.append(.serverAuth)
            standard = Life.machine
        }
        let uri = GeneralName.uniformResourceIdentifier(principal.uri(cluster: cluster))
        return try sign(
            request, name: principal.description, names: [uri] + (try addresses.map(Self.generalName)), usages: usages,
            now: now, life: life ?? standard)
    }

    /// Signs a certificate for a server that is no machine of the cluster; it speaks for nobody.
    package func issueServer(
        _ request: CertificateRequest, name: String, addresses: [String], now: Date, life: TimeInterval = Life.server
    ) throws(IdentityError) -> String {
        try sign(
            request, name: name, names: try addresses.map(Self.generalName), usages: [.serverAuth, .clientAuth],
            now: now, life: life)
    }

    private func sign(
        _ request: CertificateRequest, name: String, names: [GeneralName], usages: [ExtendedKeyUsage.Usage], now: Date,
        life: TimeInterval
    ) throws(IdentityError) -> String {
        try signer.sign(request, name: name, names: names, usages: usages, now: now, life: life)
    }

    /// Lets another key sign for one purpose, such as etcd.
    ///
    /// - Parameters:
    ///   - key: The key that is to sign.
    ///   - name: What it is called.
    ///   - now: The present time.
    /// - Returns: The other key's certificate.
    /// - Throws: `.expired` when the authority's own time is over.
    func appoint(_ key: KeyPair, as name: DistinguishedName, now: Date) throws(IdentityError) -> Certificate {
        try signer.appoint(
            key.certificateKey.publicKey, as: name, for: [.serverAuth, .clientAuth], now: now,
            until: certificate.notValidAfter)
    }

    static func subject(_ name: String) throws(IdentityError) -> DistinguishedName {
        do {
            return try DistinguishedName {
                OrganizationName("Flotilla")
                CommonName(name)
            }
        } catch {
            throw IdentityError(.malformed, "'\(name)' is no name for an authority: \(error)")
        }
    }

    static func generalName(_ address: String) throws(IdentityError) -> GeneralName {
        if let bytes = IPAddress.bytes(address) { return .ipAddress(ASN1OctetString(contentBytes: bytes[...])) }
        let isName =
            !address.isEmpty && address.utf8.count <= 253
            && address.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == 0x2d || byte == 0x2e
            }
        guard isName else { throw IdentityError(.malformed, "'\(address)' is neither an IP address nor a host name") }
        return .dnsName(address)
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
