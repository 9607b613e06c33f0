// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Files that hold identities: written whole or not at all, and secrets readable to their owner alone.
package enum IdentityFile {
    package static let secretMode: UInt32 = 0o600
    package static let publicMode: UInt32 = 0o644

    /// Makes a folder, and those above it, that only its owner may enter.
    ///
    /// One that is there already gets the mode, too, unless `tightens` is off.
    package static func makeFolder(_ path: String, mode: UInt32 = 0o700, tightens: Bool = true) throws(IdentityError) {
        let parts = path.split(separator: "/")
        var built = path.hasPrefix("/") ? "" : "."
        for (index, part) in parts.enumerated() {
            built += "/" + part
            if mkdir(built, index == parts.count - 1 ? mode : 0o755) == 0 {
                // The umask may have taken bits away.
                guard chmod(built, index == parts.count - 1 ? mode : 0o755) == 0 else {
                    throw failure("set the mode of folder", built)
                }
            } else if errno != EEXIST {
                throw failure("make folder", built)
            }
        }
        guard tightens else { return }
        var info = stat()
        guard stat(path, &info) == 0 else { throw failure("look at folder", path) }
        guard info.st_mode & S_ISVTX == 0 else {
            throw IdentityError(.file, "\(path) is a folder that everybody shares; name one for this alone")
        }
        guard chmod(path, mode) == 0 else { throw failure("set the mode of folder", path) }
    }

    /// - Parameters:
    ///   - path: The file.
    ///   - isSecret: Whether nobody but its owner may be able to read it.
    ///   - limit: Bytes that it may have; no identity has a megabyte.
    /// - Returns: What it holds.
    /// - Throws: `.file`, also for a secret that others can read.
    package static func read(
        _ path: String, isSecret: Bool = false, limit: Int = 1 << 20
    ) throws(IdentityError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw failure("read", path) }
        if isSecret, info.st_mode & 0o077 != 0 {
            throw IdentityError(
                .file, "\(path) is open to others than its owner; chmod 600 it, and think about who has read it")
        }
        let tooLarge = IdentityError(.file, "cannot read \(path): it has more than \(limit >> 20) MiB")
        guard info.st_size <= limit else { throw tooLarge }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { break }
            bytes += chunk[..<count]
            // A pipe or a device does not say its size.
            guard bytes.count <= limit else { throw tooLarge }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What a regular file holds that anybody may read; empty where there is none, or a device or a pipe.
    ///
    /// - Throws: `.file` for one that is there and cannot be read.
    package static func present(_ path: String) throws(IdentityError) -> String {
        var info = stat()
        guard stat(path, &info) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure("read", path) }
            return ""
        }
        return info.st_mode & S_IFMT == S_IFREG ? try read(path) : ""
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package static func remove(_ path: String) { unlink(path) }

    static func failure(_ action: String, _ path: String) -> IdentityError {
        guard !path.isEmpty else {
            return IdentityError(.file, "cannot \(action) a file whose name is empty; name one")
        }
        return IdentityError(.file, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}

/// A machine's own proof of who it is, as files in one folder.
package struct MachineFolder: Hashable, Sendable {
    package static let standard = "/var/lib/flotilla/identity"

    package let path: String

    package init(path: String = MachineFolder.standard) { self.path = path }

    /// Certificate and key as one file, so that no reader ever sees the one without the other.
    package var credentialsFile: String { path + "/credentials.pem" }
    /// The key once more, by itself, for people and for version 0.1.
    package var keyFile: String { path + "/key.pem" }
    /// The certificate once more, by itself.
    package var certificateFile: String { path + "/certificate.pem" }
    package var authoritiesFile: String { path + "/authorities.pem" }
    /// What the machine shows etcd, certificate and key; missing where the cluster's authority is older than this.
    package var etcdCredentialsFile: String { path + "/etcd-credentials.pem" }
    /// The password of the machine's own user in etcd, where etcd asks for one.
    package var etcdPasswordFile: String { path + "/etcd-password" }
    /// The same, with its successor while it is being changed.
    package var etcdPasswords: PasswordFile { PasswordFile(path: etcdPasswordFile) }

    /// Who signed etcd's certificates, where that was not the cluster's own authority.
    package var etcdAuthoritiesFile: String { path + "/etcd-authorities.pem" }

    /// Whether the machine has joined a cluster.
    package var exists: Bool { IdentityFile.exists(certificateFile) }

    /// Writes everything that joining or a renewal brought; the certificate comes last, so that a folder with one is whole.
    package func store(
        key: KeyPair, certificate: String, authorities: String?, etcdPassword: String?, etcdCertificate: String?
    ) throws(IdentityError) {
        try IdentityFile.makeFolder(path)
        if let authorities {
            try IdentityFile.write(authorities, to: authoritiesFile, mode: IdentityFile.publicMode)
        }
        if let etcdPassword { try etcdPasswords.store(etcdPassword) }
        if let etcdCertificate {
            try IdentityFile.write(
                Self.credentials(etcdCertificate, key), to: etcdCredentialsFile, mode: IdentityFile.secretMode)
        }
        try IdentityFile.write(
            Self.credentials(certificate, key), to: credentialsFile, mode: IdentityFile.secretMode)
        try IdentityFile.write(key.pem, to: keyFile, mode: IdentityFile.secretMode)
        try IdentityFile.write(certificate, to: certificateFile, mode: IdentityFile.publicMode)
    }

    private static func credentials(_ certificate: String, _ key: KeyPair) -> String {
        certificate + "\n" + key.pem + "\n"
    }

    /// Makes one file of key and certificate where version 0.1 has left two, or has renewed them since.
    package func unite() throws(IdentityError) {
        let present = try? credentials()
        do {
            let text = try Self.credentials(
                try IdentityFile.read(certificateFile), KeyPair(pem: try IdentityFile.read(keyFile, isSecret: true)))
            let pair = try Credentials.parts(of: text)
            if let present, IdentityFile.exists(credentialsFile),
                try CertificateInfo(pem: pair.certificate).notBefore
                    <= CertificateInfo(pem: present.certificate).notBefore
            {
                return
            }
            try IdentityFile.write(text, to: credentialsFile, mode: IdentityFile.secretMode)
        } catch {
            // Two files of which one is missing, or not the other's, matter only where there is nothing else.
            if present == nil { throw error }
        }
    }

    /// The machine's certificate, with what vouches for it, and the key that belongs to it.
    package func credentials() throws(IdentityError) -> (certificate: String, key: KeyPair) {
        guard IdentityFile.exists(credentialsFile) else {
            return (
                try IdentityFile.read(certificateFile), try KeyPair(pem: try IdentityFile.read(keyFile, isSecret: true))
            )
        }
        return try Credentials.parts(of: try IdentityFile.read(credentialsFile, isSecret: true))
    }

    package func trust() throws(IdentityError) -> TrustBundle {
        try TrustBundle(pem: try IdentityFile.read(authoritiesFile))
    }
}

/// The authority's own files: whoever has them is the cluster's master.
package struct AuthorityFolder: Hashable, Sendable {
    package static let standard = "/var/lib/flotilla/authority"

    package let path: String

    package init(path: String = AuthorityFolder.standard) { self.path = path }

    package var certificateFile: String { path + "/authority.pem" }
    package var keyFile: String { path + "/key.pem" }
    /// All authorities that are believed now: this one, and during a rotation its predecessor.
    package var bundleFile: String { path + "/authorities.pem" }
    package var clusterFile: String { path + "/cluster" }
    /// The predecessor's word for this authority; missing before the first rotation.
    package var vouchFile: String { path + "/vouch.pem" }
    /// Password of etcd's root user.
    package var etcdPasswordFile: String { path + "/etcd-root-password" }
    /// The same, with its successor while it is being changed.
    package var etcdPasswords: PasswordFile { PasswordFile(path: etcdPasswordFile) }
    /// Who signs for etcd and its clients: certificate and key.
    package var storeFile: String { path + "/etcd-authority.pem" }

    package var exists: Bool { IdentityFile.exists(keyFile) }

    /// Writes the authority and its bundle; the key comes last, so that a folder with one is whole.
    package func store(_ authority: CertificateAuthority, bundle: TrustBundle) throws(IdentityError) {
        try IdentityFile.makeFolder(path)
        try IdentityFile.write(authority.cluster + "\n", to: clusterFile, mode: IdentityFile.publicMode)
        try IdentityFile.write(bundle.pem, to: bundleFile, mode: IdentityFile.publicMode)
        try IdentityFile.write(authority.certificatePEM, to: certificateFile, mode: IdentityFile.publicMode)
        try IdentityFile.write(authority.keyPEM, to: keyFile, mode: IdentityFile.secretMode)
    }

    package func storeEtcdPassword(_ password: String) throws(IdentityError) {
        try etcdPasswords.store(password)
    }

    package func storeVouch(_ pem: String) throws(IdentityError) {
        try IdentityFile.makeFolder(path)
        try IdentityFile.write(pem, to: vouchFile, mode: IdentityFile.publicMode)
    }

    /// The authority of etcd: made when there is none, and appointed anew, with its key, when the cluster's is another by now.
    ///
    /// A rotation that broke off before it came here is completed so by the next who asks.
    package func storeAuthority(now: Date) throws(IdentityError) -> StoreAuthority {
        // Programs that ask at once must not each make one: machines would get certificates that etcd does not take.
        try IdentityFile.locked(path) { () throws(IdentityError) in
            let signer = try authority()
            guard IdentityFile.exists(storeFile) else {
                return try write(store: try StoreAuthority(appointedBy: signer, now: now))
            }
            let parts = try Credentials.parts(of: try IdentityFile.read(storeFile, isSecret: true))
            let present = try StoreAuthority(certificatePEM: parts.certificate, keyPEM: parts.key.pem)
            guard !signer.trust.hasSigned(parts.certificate) else { return present }
            return try write(store: try present.reappointed(by: signer, now: now))
        }
    }

    /// Certificate and key as one file: the one is nothing without the other.
    private func write(store made: StoreAuthority) throws(IdentityError) -> StoreAuthority {
        try IdentityFile.write(
            made.certificatePEM + "\n" + made.keyPEM + "\n", to: storeFile, mode: IdentityFile.secretMode)
        return made
    }

    /// What is shown beside each certificate that this authority signs.
    package func chain(_ certificate: String) throws(IdentityError) -> String {
        guard let vouch = try vouch() else { return certificate }
        return certificate + "\n" + vouch
    }

    /// The predecessor's word for this authority; `nil` before the first rotation.
    package func vouch() throws(IdentityError) -> String? {
        IdentityFile.exists(vouchFile) ? try IdentityFile.read(vouchFile) : nil
    }

    package func cluster() throws(IdentityError) -> String {
        String(try IdentityFile.read(clusterFile).prefix { !$0.isNewline })
    }

    package func authority() throws(IdentityError) -> CertificateAuthority {
        try CertificateAuthority(
            cluster: try cluster(), certificatePEM: try IdentityFile.read(certificateFile),
            keyPEM: try IdentityFile.read(keyFile, isSecret: true))
    }

    package func bundle() throws(IdentityError) -> TrustBundle {
        try TrustBundle(pem: try IdentityFile.read(bundleFile))
    }

    /// `nil` where etcd asks for no password.
    package func etcdPassword() throws(IdentityError) -> String? {
        try etcdPasswords.present()
    }
}
