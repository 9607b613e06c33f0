// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// What plain TCP lets through, before any path is looked at.
///
/// Nobody proves anything there. A web page in a browser on this machine can reach loopback, too: with a name that it has had
/// pointed here (`Host`), or from another site (`Origin`).
enum PlainGate {
    /// Paths that tell nothing of the cluster.
    private static let open: Set<Substring> = [Substring(APICall.readHealth.path)]

    /// - Parameters:
    ///   - target: The request's target, with or without a query.
    ///   - host: The field `Host`, or what HTTP takes for it.
    ///   - origin: The field `Origin`; browsers send it from other sites, and programs do not.
    ///   - listener: Where the request came in.
    ///   - isKnown: Whether the operator has said that who comes over plain TCP may do something.
    /// - Returns: Why the request ends here; `nil` when it goes on.
    static func refusal(
        target: String, host: String?, origin: String?, at listener: APIEndpoint, isKnown: Bool
    ) -> ServerFailure? {
        guard case .tcp(let address, _) = listener else { return nil }
        if origin != nil { return ServerFailure(403, "requests from web pages of other sites are not taken") }
        if isLoopback(address), !isLoopback(name(in: host ?? "")) {
            return ServerFailure(421, "this address answers by the names of loopback alone, such as 127.0.0.1")
        }
        let path = target.prefix { $0 != "?" }
        guard isKnown || open.contains(path) else {
            return ServerFailure(
                401, "plain TCP answers /healthz alone; use the unix socket, or TLS with a certificate of the cluster")
        }
        return nil
    }

    /// A host without its port.
    private static func name(in host: String) -> String {
        if host.hasPrefix("[") { return String(host.dropFirst().prefix { $0 != "]" }) }
        return String(host.prefix { $0 != ":" })
    }

    private static func isLoopback(_ name: String) -> Bool {
        if name == "::1" || name.lowercased() == "localhost" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
    }
}
