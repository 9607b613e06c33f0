// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// What the server proves itself with; may be replaced while it serves, for connections from then on.
package final class ServerIdentity: Sendable {
    private let context: Mutex<NIOSSLContext>

    /// - Parameters:
    ///   - certificate: PEM, the machine's own first.
    ///   - key: PEM.
    /// - Throws: `ListenerError` when the two cannot be used.
    package init(certificate: [UInt8], key: [UInt8]) throws(ListenerError) {
        context = Mutex(try Self.context(certificate, key))
    }

    /// Takes a renewed certificate into use; connections that are open keep theirs.
    package func replace(certificate: [UInt8], key: [UInt8]) throws(ListenerError) {
        let new = try Self.context(certificate, key)
        context.withLock { $0 = new }
    }

    var current: NIOSSLContext { context.withLock { $0 } }

    private static func context(_ certificate: [UInt8], _ key: [UInt8]) throws(ListenerError) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(certificate).map { NIOSSLCertificateSource.certificate($0) }
            var settings = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem)))
            settings.minimumTLSVersion = .tlsv13
            // Asked for, but not demanded: whoever joins has none yet.
            settings.certificateVerification = .optionalVerification
            settings.applicationProtocols = ["http/1.1"]
            // A client that does not answer the end of its connection must not hold up the end of the agent, which feeds no guard
            // meanwhile: that would stop the machine's units.
            settings.shutdownTimeout = .milliseconds(200)
            return try NIOSSLContext(configuration: settings)
        } catch {
            // The library's words could quote what they read.
            throw ListenerError(
                code: .badIdentity,
                message: "cannot serve the API over TLS: the machine's certificate or key cannot be used; join the "
                    + "cluster anew, or see cluster-manager cluster certificate --help")
        }
    }
}

/// Puts TLS 1.3 before a channel.
///
/// The handshake proves that the client holds the key of the certificate that it shows, and no more: who signed it, whom it
/// names and whether that still holds is decided for each request, so that a refusal has words and a revocation works on
/// open connections, too.
struct SecuredChannel<Base: ServerChildChannel>: ServerChildChannel {
    typealias Value = Base.Value

    let base: Base
    let identity: ServerIdentity

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(
                    context: identity.current,
                    customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) }))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
