// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import SwiftASN1
@_spi(FixedExpiryValidationTime) import X509

/// Whom a verified certificate speaks for.
package struct Peer: Hashable, Sendable {
    package var principal: Principal
    package var cluster: String
    /// Lower-case hexadecimal.
    package var serial: String
    package var notBefore: Date
    package var notAfter: Date
}

/// The authorities that a cluster's members believe: one, or two while one takes over from the other.
package struct TrustBundle: Sendable {
    let authorities: [Certificate]

    init(authorities: [Certificate]) { self.authorities = authorities }

    /// - Throws: `IdentityError` with code `.malformed` for text without at least one certificate.
    package init(pem: String) throws(IdentityError) { authorities = try Self.certificates(pem: pem) }

    package var pem: String {
        authorities.compactMap { try? $0.serializeAsPEM().pemString }.joined(separator: "\n") + "\n"
    }

    /// In the order in which they stand in the bundle.
    package var fingerprints: [String] { authorities.map { CertificateInfo.fingerprint(of: $0) } }

    /// Whether the newest authority, the last of the bundle, has signed the certificate.
    package func newestSigned(_ pem: String) -> Bool {
        guard let leaf = try? Self.certificates(pem: pem).first, let newest = authorities.last else { return false }
        return newest.publicKey.isValidSignature(leaf.signature, for: leaf)
    }

    /// Both bundles' authorities, each once.
    package func joined(with other: TrustBundle) -> TrustBundle {
        let known = Set(fingerprints)
        return TrustBundle(
            authorities: authorities + other.authorities.filter { !known.contains(CertificateInfo.fingerprint(of: $0)) }
        )
    }

    /// The bundle without the authority of that fingerprint.
    package func without(fingerprint: String) -> TrustBundle {
        TrustBundle(authorities: authorities.filter { CertificateInfo.fingerprint(of: $0) != fingerprint })
    }

    /// Whether an authority of this bundle has signed the certificate.
    package func hasSigned(_ pem: String) -> Bool {
        guard let leaf = try? Self.certificates(pem: pem).first else { return false }
        return authorities.contains {
            $0.subject == leaf.issuer && $0.publicKey.isValidSignature(leaf.signature, for: leaf)
        }
    }

    /// Goes over to another bundle, as during a rotation, when all its authorities follow from those of this one.
    ///
    /// An authority that somebody merely names is not believed, whoever that is: with rights to write it where members look it
    /// up, or a server of one's own that they ask, a stolen machine would be master of the cluster.
    ///
    /// - Parameters:
    ///   - other: Whom to believe from now on.
    ///   - vouches: PEM texts, each with certificates in which a former authority vouches for its successor; others are passed over.
    ///   - now: The present time.
    /// - Returns: `other`.
    /// - Throws: `.unknownAuthority` when one of its authorities neither is believed nor follows.
    package func following(_ other: TrustBundle, vouches: [String], now: Date) throws(IdentityError) -> TrustBundle {
        // What signs the next step, and what may be believed in the end: a word is the first, never the second.
        var (signers, believed) = (authorities, authorities)
        var words = vouches.flatMap { (try? Self.certificates(pem: $0)) ?? [] }
        let candidates = other.authorities.filter { candidate in
            candidate.issuer == candidate.subject
                && candidate.publicKey.isValidSignature(candidate.signature, for: candidate)
        }
        // One step after the other: who was away for two rotations has two to go, and the middle one may be in no bundle.
        var steps = words.count
        while steps > 0 {
            steps -= 1
            guard let index = words.firstIndex(where: { Self.vouches($0, in: signers, now) }) else { break }
            let word = words.remove(at: index)
            let isNamed = { (one: Certificate) in one.publicKey == word.publicKey && one.subject == word.subject }
            signers.append(word)
            believed += candidates.filter(isNamed)
        }
        guard let stranger = other.authorities.first(where: { !believed.contains($0) }) else { return other }
        throw IdentityError(
            .unknownAuthority,
            "no authority that is believed vouches for '\(stranger.subject)', so what it signs counts for nothing")
    }

    /// Whether one of `signers` has signed this word for another authority, and it is good now.
    private static func vouches(_ word: Certificate, in signers: [Certificate], _ now: Date) -> Bool {
        guard now <= word.notValidAfter, case .isCertificateAuthority? = try? word.extensions.basicConstraints,
            // One that signs for some purpose alone, as etcd's authority does, takes over from nobody.
            word.extensions[oid: .X509ExtensionID.extendedKeyUsage] == nil
        else { return false }
        return signers.contains {
            $0.subject == word.issuer && $0.publicKey.isValidSignature(word.signature, for: word)
        }
    }

    /// Finds out whom a certificate speaks for, after proving that an authority of this bundle vouches for it now.
    ///
    /// That its sender holds the key is for the TLS handshake to prove.
    ///
    /// - Parameters:
    ///   - der: The certificate as it came.
    ///   - cluster: The cluster that it has to belong to.
    ///   - now: The present time.
    /// - Returns: Whom it speaks for, and how long.
    /// - Throws: `IdentityError` with a code of its own for each reason.
    package func verify(der: [UInt8], cluster: String, now: Date) async throws(IdentityError) -> Peer {
        let leaf: Certificate
        do {
            leaf = try Certificate(derEncoded: der)
        } catch {
            throw IdentityError(.malformed, "the certificate cannot be read")
        }
        let signers = authorities.filter {
            $0.subject == leaf.issuer && $0.publicKey.isValidSignature(leaf.signature, for: leaf)
        }
        guard !signers.isEmpty else {
            throw IdentityError(.unknownAuthority, "certificate '\(leaf.subject)' is signed by an unknown authority")
        }
        guard now >= leaf.notValidBefore else {
            throw IdentityError(
                .notYetValid, "certificate '\(leaf.subject)' is not valid before \(leaf.notValidBefore)")
        }
        guard now <= leaf.notValidAfter else {
            throw IdentityError(.expired, "certificate '\(leaf.subject)' expired at \(leaf.notValidAfter)")
        }
        // The rules of RFC 5280 are the library's: chain, constraints, critical extensions, the authority's own time.
        var verifier = Verifier(rootCertificates: CertificateStore(signers)) {
            RFC5280Policy(fixedExpiryValidationTime: now)
        }
        guard case .validCertificate = await verifier.validate(leaf: leaf, intermediates: CertificateStore()) else {
            throw IdentityError(.unknownAuthority, "certificate '\(leaf.subject)' does not follow from its authority")
        }
        let (principal, owner) = try Self.principal(of: leaf)
        guard owner == cluster else {
            throw IdentityError(.otherCluster, "certificate '\(leaf.subject)' belongs to cluster \(owner)")
        }
        return Peer(
            principal: principal, cluster: owner, serial: CertificateAuthority.hex(leaf.serialNumber.bytes),
            notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter)
    }

    private static func principal(of leaf: Certificate) throws(IdentityError) -> (Principal, String) {
        let wrong = IdentityError(
            .wrongPurpose, "certificate '\(leaf.subject)' does not name exactly one machine or user")
        guard let usage = try? leaf.extensions.extendedKeyUsage, usage.contains(.clientAuth) else {
            throw IdentityError(.wrongPurpose, "certificate '\(leaf.subject)' is not made for clients")
        }
        guard let names = try? leaf.extensions.subjectAlternativeNames else { throw wrong }
        var uris: [String] = []
        for name in names {
            if case .uniformResourceIdentifier(let uri) = name { uris.append(uri) }
        }
        guard uris.count == 1, let found = Principal.parse(uri: uris[0]) else { throw wrong }
        return (found.principal, found.cluster)
    }

    static func certificates(pem: String) throws(IdentityError) -> [Certificate] {
        do {
            let documents = try PEMDocument.parseMultiple(pemString: pem)
            guard !documents.isEmpty else { throw IdentityError(.malformed, "there is no certificate in the PEM text") }
            return try documents.map { try Certificate(pemDocument: $0) }
        } catch let error as IdentityError {
            throw error
        } catch {
            throw IdentityError(.malformed, "the PEM text is not made of certificates")
        }
    }
}

/// What a certificate says of itself, believed or not.
package struct CertificateInfo: Hashable, Sendable {
    package var subject: String
    package var notBefore: Date
    package var notAfter: Date
    package var fingerprint: String

    /// Reads the first of the certificates in `pem`.
    package init(pem: String) throws(IdentityError) {
        let certificate = try TrustBundle.certificates(pem: pem)[0]
        subject = "\(certificate.subject)"
        notBefore = certificate.notValidBefore
        notAfter = certificate.notValidAfter
        fingerprint = Self.fingerprint(of: certificate)
    }

    /// When two thirds of its life are over, which is when it is renewed.
    package var renewal: Date { notBefore + notAfter.timeIntervalSince(notBefore) * 2 / 3 }

    static func fingerprint(of certificate: Certificate) -> String {
        var serializer = DER.Serializer()
        guard (try? serializer.serialize(certificate)) != nil else { return "" }
        return SecretHash.hex(of: serializer.serializedBytes)
    }
}
