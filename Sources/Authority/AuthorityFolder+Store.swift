// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import HTTPTransport
package import Identity

extension AuthorityFolder {
    /// What whoever has this folder shows etcd, made for the occasion.
    ///
    /// - Parameters:
    ///   - bundle: Whom to believe; `nil` for all authorities of this folder.
    ///   - now: The present time.
    /// - Returns: Settings that hold for a day.
    /// - Throws: `IdentityError` when the folder cannot be read, or its authority's time is over.
    package func storeAccess(believing bundle: TrustBundle? = nil, now: Date) throws(IdentityError) -> TLSSettings {
        let key = KeyPair()
        let request = try CertificateRequest(pem: try key.request(name: "authority"))
        // A day: for commands that end, not for a program that stays.
        let certificate = try storeAuthority(now: now).issueClient(request, name: "authority", now: now, life: 86_400)
        let believed: TrustBundle
        if let bundle { believed = bundle } else { believed = try self.bundle() }
        return TLSSettings(authorities: believed.pem, certificate: certificate, key: key.pem)
    }
}

/// Files that make an etcd take machines of the cluster, and nobody else.
package struct StoreMemberFiles: Sendable {
    /// Folder in which they lie; etcd reads them there.
    package let folder: String

    package init(folder: String) { self.folder = folder }

    package var certificateFile: String { folder + "/certificate.pem" }
    package var keyFile: String { folder + "/key.pem" }
    /// Who signed for those whom etcd lets in.
    package var clientsFile: String { folder + "/clients.pem" }
    package var settingsFile: String { folder + "/etcd.env" }

    /// etcd's settings as lines of its environment: mutual TLS for clients and for peers.
    package var settings: String {
        var lines = [
            "# etcd takes members of the Flotilla cluster alone. Written by: cluster-manager cluster certificate etcd"
        ]
        for prefix in ["ETCD_", "ETCD_PEER_"] {
            lines += [
                "\(prefix)CERT_FILE=\(certificateFile)", "\(prefix)KEY_FILE=\(keyFile)",
                "\(prefix)CLIENT_CERT_AUTH=true", "\(prefix)TRUSTED_CA_FILE=\(clientsFile)",
            ]
        }
        lines.append("ETCD_PEER_CERT_ALLOWED_HOSTNAME=\(StoreAuthority.peerName)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Signs a member's certificate and writes all four files.
    ///
    /// - Parameters:
    ///   - authority: Folder of the cluster's authority.
    ///   - addresses: Where clients and peers reach the member.
    ///   - now: The present time.
    ///   - life: Seconds.
    /// - Throws: `.malformed` for an address that is none, `.file` when a file cannot be written.
    package func make(
        by authority: AuthorityFolder, addresses: [String], now: Date, life: TimeInterval
    ) throws(IdentityError) {
        let key = KeyPair()
        let store = try authority.storeAuthority(now: now)
        let certificate = try store.issueMember(
            try CertificateRequest(pem: try key.request(name: "etcd")), addresses: addresses, now: now, life: life)
        try IdentityFile.makeFolder(folder, tightens: false)
        try IdentityFile.write(key.pem, to: keyFile, mode: IdentityFile.secretMode)
        try IdentityFile.write(store.certificatePEM, to: clientsFile, mode: IdentityFile.publicMode)
        try IdentityFile.write(settings, to: settingsFile, mode: IdentityFile.publicMode)
        try IdentityFile.write(certificate, to: certificateFile, mode: IdentityFile.publicMode)
    }
}
