// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// Where another machine is called: the one place that reads the address which a machine has written down of itself.
///
/// Whoever holds a machine's rights chooses that text, and others follow it as root. So it leads to no unix socket of the
/// caller's own, and in a secured cluster nowhere but to somebody who has to show a certificate.
enum PeerEndpoint {
    /// Reads an address.
    ///
    /// - Parameters:
    ///   - text: As it stands in the machine's record; `nil` where its API answers no other machine.
    ///   - isSecured: Whether this machine has an identity, and so asks for one.
    /// - Returns: `nil` for an address that may not be called.
    static func read(_ text: String?, isSecured: Bool) -> APIEndpoint? {
        guard let text, let endpoint = try? APIEndpoint(text) else { return nil }
        switch endpoint {
        case .unix: return nil
        case .tcp: return isSecured ? nil : endpoint
        case .tls: return isSecured ? endpoint : nil
        }
    }
}
