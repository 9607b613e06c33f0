// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Who a certificate speaks for.
///
/// A certificate carries it as its only alternative name of kind URI: `flotilla://<cluster>/machine/<id>` or
/// `flotilla://<cluster>/user/<name>`.
package enum Principal: Hashable, Sendable, CustomStringConvertible {
    /// A machine, by its id of 32 hexadecimal digits.
    case machine(String)
    /// A person or program that uses the API.
    case user(String)

    /// `machine:<id>` or `user:<name>`, as the audit and people's tables show it.
    package var description: String {
        switch self {
        case .machine(let id): "machine:\(id)"
        case .user(let name): "user:\(name)"
        }
    }

    /// The URI that names this principal in certificates of `cluster`.
    package func uri(cluster: String) -> String {
        switch self {
        case .machine(let id): "flotilla://\(cluster)/machine/\(id)"
        case .user(let name): "flotilla://\(cluster)/user/\(name)"
        }
    }

    /// Reads a URI as `uri(cluster:)` writes it.
    ///
    /// - Returns: `nil` for any other URI, one with an empty or ill-formed name among them.
    package static func parse(uri: String) -> (principal: Principal, cluster: String)? {
        let scheme = "flotilla://"
        guard uri.hasPrefix(scheme) else { return nil }
        let parts = uri.dropFirst(scheme.count).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, isName(parts[0]) else { return nil }
        switch parts[1] {
        case "machine" where isMachineID(parts[2]): return (.machine(parts[2]), parts[0])
        case "user" where isName(parts[2]): return (.user(parts[2]), parts[0])
        default: return nil
        }
    }

    /// Whether `text` may name a user or a cluster: 1 to 64 of letters, digits, `.`, `_` and `-`, not starting with `.` or `-`.
    package static func isName(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), text.first != ".", text.first != "-" else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
            default: false
            }
        }
    }

    /// Whether `text` is a machine id: 32 hexadecimal digits in lower case, and not the id of zeros that systemd takes for none.
    package static func isMachineID(_ text: String) -> Bool {
        text.utf8.count == 32
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            && text.utf8.contains { $0 != 0x30 }
    }
}
