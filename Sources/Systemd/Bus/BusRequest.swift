// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// A method call, as a value that may be made anywhere and is turned into a message on the bus thread.
struct BusRequest: Sendable {
    enum Argument: Sendable {
        case string(String)
        case strings([String])
        case bool(Bool)
        case int32(Int32)
        case uint32(UInt32)
    }

    var destination = "org.freedesktop.systemd1"
    var path = "/org/freedesktop/systemd1"
    var interface = "org.freedesktop.systemd1.Manager"
    var member: String
    var arguments: [Argument] = []

    /// What error messages name: the method and its first string.
    var subject: String {
        for argument in arguments {
            switch argument {
            case .string(let text): return "\(member) \(text)"
            case .strings(let texts) where texts.count == 1: return "\(member) \(texts[0])"
            case .strings(let texts): return "\(member) of \(texts.count) names"
            case .bool, .int32, .uint32: continue
            }
        }
        return member
    }

    static func manager(_ member: String, _ arguments: Argument...) -> BusRequest {
        BusRequest(member: member, arguments: arguments)
    }

    static func property(path: String, interface: String, name: String) -> BusRequest {
        BusRequest(
            path: path, interface: "org.freedesktop.DBus.Properties", member: "Get",
            arguments: [.string(interface), .string(name)])
    }

    /// All properties of an interface, as they are in one moment.
    static func properties(path: String, interface: String) -> BusRequest {
        BusRequest(
            path: path, interface: "org.freedesktop.DBus.Properties", member: "GetAll", arguments: [.string(interface)])
    }

    static func broker(_ member: String, _ argument: String) -> BusRequest {
        BusRequest(
            destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus",
            member: member, arguments: [.string(argument)])
    }

    /// Makes the message; the caller owns it.
    ///
    /// - Throws: `invalidArgument` for text that D-Bus cannot carry (such as a NUL inside).
    func message(on bus: OpaquePointer) throws(SystemdError) -> OpaquePointer {
        var message: OpaquePointer?
        var status = sd_bus_message_new_method_call(bus, &message, destination, path, interface, member)
        guard status >= 0, let message else { throw SystemdError(errno: status, subject: subject) }
        for argument in arguments where status >= 0 { status = Self.append(argument, to: message) }
        guard status >= 0 else {
            sd_bus_message_unref(message)
            throw SystemdError(errno: status, subject: subject)
        }
        return message
    }

    private static func append(_ argument: Argument, to message: OpaquePointer) -> Int32 {
        switch argument {
        case .string(let text): return append(text, to: message)
        case .bool(let value):
            // D-Bus booleans are passed as C `int`.
            var number: Int32 = value ? 1 : 0
            return sd_bus_message_append_basic(message, CChar(SD_BUS_TYPE_BOOLEAN), &number)
        case .int32(var value): return sd_bus_message_append_basic(message, CChar(SD_BUS_TYPE_INT32), &value)
        case .uint32(var value): return sd_bus_message_append_basic(message, CChar(SD_BUS_TYPE_UINT32), &value)
        case .strings(let texts):
            var status = sd_bus_message_open_container(message, CChar(SD_BUS_TYPE_ARRAY), "s")
            for text in texts where status >= 0 { status = append(text, to: message) }
            return status < 0 ? status : sd_bus_message_close_container(message)
        }
    }

    private static func append(_ text: String, to message: OpaquePointer) -> Int32 {
        // A C string would end at a NUL, and systemd would be asked about another name than the caller meant.
        if text.utf8.contains(0) { return -EINVAL }
        return text.withCString { sd_bus_message_append_basic(message, CChar(SD_BUS_TYPE_STRING), $0) }
    }
}
