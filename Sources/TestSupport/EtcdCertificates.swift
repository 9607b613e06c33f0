// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
package import HTTPTransport

/// An authority of a test's own, with a certificate for a server on 127.0.0.1 and one for a client.
package final class EtcdCertificates: Sendable {
    let folder: String

    package var authority: String { "\(folder)/ca.pem" }
    package var serverCertificate: String { "\(folder)/server.pem" }
    package var serverKey: String { "\(folder)/server.key" }
    package var clientCertificate: String { "\(folder)/client.pem" }
    package var clientKey: String { "\(folder)/client.key" }

    /// What a client needs: the authority and its own certificate.
    package var settings: TLSSettings {
        TLSSettings(authorityFile: authority, certificateFile: clientCertificate, keyFile: clientKey)
    }

    /// Makes all of it with the `openssl` command.
    ///
    /// - Parameter days: How long the certificates are good.
    /// - Returns: Files that are deleted with the value.
    /// - Throws: `TestFixtureError` when `openssl` fails.
    package static func make(days: Int = 2) throws -> EtcdCertificates {
        let certificates = EtcdCertificates(folder: try temporaryFolder("flotilla-tls"))
        try certificates.makeAuthority()
        try certificates.makeCertificate("server", usage: "serverAuth,clientAuth", days: days)
        try certificates.makeCertificate("client", usage: "clientAuth", days: days)
        return certificates
    }

    private init(folder: String) { self.folder = folder }

    deinit { removeTree(folder) }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    private func makeAuthority() throws {
        try openssl(
            ["req", "-x509"] + Self.newKey + [
                "-keyout", "\(folder)/ca.key", "-out", authority, "-days", "2", "-subj", "/CN=test authority",
            ])
    }

    private func makeCertificate(_ name: String, usage: String, days: Int) throws {
        try openssl(
            ["req"] + Self.newKey + [
                "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).csr", "-subj", "/CN=\(name)",
            ])
        let extensions = "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=\(usage)\n"
        try Data(extensions.utf8).write(to: URL(filePath: "\(folder)/\(name).ext"))
        try openssl([
            "x509", "-req", "-in", "\(folder)/\(name).csr", "-CA", authority, "-CAkey", "\(folder)/ca.key",
            "-CAcreateserial", "-days", "\(days)", "-extfile", "\(folder)/\(name).ext", "-out", "\(folder)/\(name).pem",
        ])
    }

    private func openssl(_ arguments: [String]) throws {
        let log = "\(folder)/openssl.log"
        let status = try ChildProcess(["openssl"] + arguments, output: log).waitForExit()
        guard status == 0 else {
            throw TestFixtureError("openssl \(arguments[0]) failed: \((try? readTail(of: log, limit: 2_000)) ?? "")")
        }
    }
}
