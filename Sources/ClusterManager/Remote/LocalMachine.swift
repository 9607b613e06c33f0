// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import HTTPTransport

/// The machine that this program runs on.
package enum LocalMachine {
    /// Its id, as machine-id(5) says; `nil` where there is none.
    package static var id: String? {
        guard let data = FileManager.default.contents(atPath: "/etc/machine-id") else { return nil }
        let text = String(decoding: data, as: UTF8.self).prefix { !$0.isWhitespace }
        return text.count == 32 ? String(text) : nil
    }
}

/// Where this machine is reached, and what it is called.
enum LocalAddress {
    /// The address from which this machine would talk to the first of those URLs; `nil` when no route leads there.
    static func towards(_ urls: String) throws -> String? {
        guard let first = urls.split(separator: ",").first, let start = first.firstRange(of: "://") else { return nil }
        let rest = first[start.upperBound...].prefix { $0 != "/" }
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else {
            return nil
        }
        let host = String(rest[..<colon].filter { $0 != "[" && $0 != "]" })
        return NetworkAddresses.source(towards: host, port: port)
    }

    /// Whether nobody but this machine itself can use the address.
    static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }

    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
