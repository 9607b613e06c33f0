// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOSSL

/// What a request brings along of its connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// All that the connection tells of its other end.
    func origin(at listener: APIEndpoint) async -> ConnectionOrigin {
        let address = channel.remoteAddress?.ipAddress ?? "?"
        switch listener {
        case .unix:
            // A connection whose process the kernel does not name is nobody's: 65534 is the overflow id.
            let peer = try? await PeerCredentials.read(channel)
            return .unix(user: peer?.user ?? 65534, group: peer?.group ?? 65534, process: peer?.process ?? 0)
        case .tcp: return .plain(address: address)
        case .tls:
            let certificate = try? await channel.nioSSL_peerCertificate().get()
            return .tls(address: address, certificate: certificate.flatMap { try? $0.toDERBytes() })
        }
    }
}

/// The ids of the process at the other end of a unix socket, as the kernel lays them out (`struct ucred`, unix(7)).
private struct PeerCredentials {
    var process: Int32 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0

    /// Option 17 of socket level 1 is `SO_PEERCRED` on Linux; C's header shows the struct to GNU sources only.
    static func read(_ channel: any Channel) async throws -> PeerCredentials {
        guard let provider = channel as? any SocketOptionProvider else { throw ChannelError.operationUnsupported }
        return try await provider.unsafeGetSocketOption(level: 1, name: 17).get()
    }
}
