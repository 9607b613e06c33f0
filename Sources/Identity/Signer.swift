// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SwiftASN1
import X509

/// A certificate and its key, with which others are signed.
struct Signer: Sendable {
    let certificate: Certificate
    let key: KeyPair

    init(certificate: Certificate, key: KeyPair) {
        self.certificate = certificate
        self.key = key
    }

    /// - Throws: `.malformed` for what is no certificate and its own key.
    init(certificatePEM: String, keyPEM: String) throws(IdentityError) {
        key = try KeyPair(pem: keyPEM)
        certificate = try TrustBundle.certificates(pem: certificatePEM)[0]
        guard certificate.publicKey == key.certificateKey.publicKey else {
            throw IdentityError(.malformed, "the authority's key is not the one of its certificate")
        }
    }

    /// Signs a certificate that signs nothing itself, in PEM form.
    ///
    /// - Parameters:
    ///   - request: Brings the key, and nothing else that counts.
    ///   - name: Common name; `nil` for none at all, as etcd's JSON gateway wants it of its callers.
    ///   - names: Whom or what it is for.
    ///   - usages: What it is good for.
    ///   - now: The present time.
    ///   - life: Seconds; never beyond the signer's own end.
    /// - Returns: The certificate alone, without what vouches for the signer.
    /// - Throws: `.expired` when the signer's own time is over.
    func sign(
        _ request: CertificateRequest, name: String?, names: [GeneralName], usages: [ExtendedKeyUsage.Usage], now: Date,
        life: TimeInterval
    ) throws(IdentityError) -> String {
        try checkTime(now)
        do {
            let alternatives = SubjectAlternativeNames(names)
            let signed = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: request.publicKey,
                notValidBefore: beginning(now), notValidAfter: min(now + life, certificate.notValidAfter),
                issuer: certificate.subject,
                subject: try name.map { text in try DistinguishedName { CommonName(text) } } ?? DistinguishedName(),
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage(usages)
                    // Where there is no subject, these names are all there is: RFC 5280, 4.2.1.6.
                    if name == nil { Critical(alternatives) } else { alternatives }
                    SubjectKeyIdentifier(hash: request.publicKey)
                    AuthorityKeyIdentifier(keyIdentifier: try ownKeyIdentifier)
                }, issuerPrivateKey: key.certificateKey)
            return try Self.pem(of: signed)
        } catch let error as IdentityError {
            throw error
        } catch {
            throw IdentityError(.malformed, "no certificate can be made for \(name ?? "\(names)"): \(error)")
        }
    }

    /// Lets another key sign in this one's name; whom that one would let sign nobody believes.
    ///
    /// `usages` limit what it may sign for, and so mark that it is no authority of the cluster: `TrustBundle.following`
    /// takes no word that has any.
    func appoint(
        _ publicKey: Certificate.PublicKey, as subject: DistinguishedName, for usages: [ExtendedKeyUsage.Usage] = [],
        now: Date, until end: Date
    ) throws(IdentityError) -> Certificate {
        try checkTime(now)
        do {
            return try Certificate(
                version: .v3, serialNumber: .init(), publicKey: publicKey, notValidBefore: beginning(now),
                notValidAfter: end, issuer: certificate.subject, subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    if !usages.isEmpty { try ExtendedKeyUsage(usages) }
                    SubjectKeyIdentifier(hash: publicKey)
                    AuthorityKeyIdentifier(keyIdentifier: try ownKeyIdentifier)
                }, issuerPrivateKey: key.certificateKey)
        } catch {
            throw IdentityError(.malformed, "no authority can be made of \(subject): \(error)")
        }
    }

    static func pem(of certificate: Certificate) throws(IdentityError) -> String {
        do {
            return try certificate.serializeAsPEM().pemString
        } catch {
            throw IdentityError(.malformed, "certificate '\(certificate.subject)' cannot be written: \(error)")
        }
    }

    private func checkTime(_ now: Date) throws(IdentityError) {
        guard now < certificate.notValidAfter else {
            throw IdentityError(.expired, "the cluster's authority has expired; see cluster-manager cluster ca rotate")
        }
    }

    /// Certificates know whole seconds, and are rounded to the nearest: one dated half a second late would outlive a revocation.
    private func beginning(_ now: Date) -> Date {
        let moment = (now - CertificateAuthority.allowance).timeIntervalSince1970.rounded(.down)
        return max(Date(timeIntervalSince1970: moment), certificate.notValidBefore)
    }

    /// Says in what it signs which key did; RFC 5280, 4.2.1.1, asks for it, and strict readers refuse a certificate without.
    private var ownKeyIdentifier: ArraySlice<UInt8> {
        get throws {
            let own =
                try certificate.extensions.subjectKeyIdentifier ?? SubjectKeyIdentifier(hash: certificate.publicKey)
            return own.keyIdentifier
        }
    }
}
