// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One way to reach a manager.
package struct BusEndpoint: Sendable, CustomStringConvertible {
    /// Opens a fresh, connected stream socket, which the connection then owns.
    package typealias Opener = @Sendable () throws(SystemdError) -> Int32

    enum Target: Sendable {
        case address(String)
        case socket(Opener)
    }

    let target: Target
    /// Whether the manager itself answers there, with no broker between.
    package let isDirect: Bool
    package let description: String

    /// A D-Bus address, such as `unix:path=/run/systemd/private` (direct) or `unix:path=/run/dbus/system_bus_socket`.
    package init(address: String, isDirect: Bool) {
        target = .address(address)
        self.isDirect = isDirect
        description = address
    }

    /// A path of a socket; escaped as D-Bus addresses demand.
    package init(path: String, isDirect: Bool) {
        self.init(address: "unix:path=" + Self.escape(path), isDirect: isDirect)
    }

    /// A peer that is reached through sockets made by `opener`, called once for each attempt to connect.
    package init(name: String, isDirect: Bool, opener: @escaping Opener) {
        target = .socket(opener)
        self.isDirect = isDirect
        description = name
    }

    /// Ways to the manager of the machine, in the order in which they are tried.
    ///
    /// `docs/design/systemd.md` says why the direct socket, which only root may use, comes first.
    package static func system() -> [BusEndpoint] {
        let brokered = BusEndpoint(
            address: environment("DBUS_SYSTEM_BUS_ADDRESS") ?? "unix:path=/run/dbus/system_bus_socket",
            isDirect: false)
        guard geteuid() == 0 else { return [brokered] }
        return [BusEndpoint(path: "/run/systemd/private", isDirect: true), brokered]
    }

    /// Ways to the manager of the calling user, in the order in which they are tried; empty outside a session.
    package static func user() -> [BusEndpoint] {
        var endpoints: [BusEndpoint] = []
        if let runtime = environment("XDG_RUNTIME_DIR") {
            endpoints.append(BusEndpoint(path: runtime + "/systemd/private", isDirect: true))
            if environment("DBUS_SESSION_BUS_ADDRESS") == nil {
                endpoints.append(BusEndpoint(path: runtime + "/bus", isDirect: false))
            }
        }
        if let address = environment("DBUS_SESSION_BUS_ADDRESS") {
            endpoints.append(BusEndpoint(address: address, isDirect: false))
        }
        return endpoints
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Percent-escapes what may not stand in a value of a D-Bus address.
    ///
    /// - Source: D-Bus specification, "Server Addresses".
    static func escape(_ value: String) -> String {
        let hex = Array("0123456789abcdef".utf8)
        var result: [UInt8] = []
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "/"),
                UInt8(ascii: "."), UInt8(ascii: "*"), UInt8(ascii: "\\"):
                result.append(byte)
            default:
                result += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
