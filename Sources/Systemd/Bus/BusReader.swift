// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// A message that a callback brought; valid within that callback and on the bus thread only.
///
/// Sendable because both sides of the crossing, connection and manager, live on that one thread, which the compiler
/// cannot know; `SystemdManager` proves it at run time with `assumeIsolated`.
struct BusMessage: @unchecked Sendable {
    let raw: OpaquePointer
}

/// Reads a message from its front to its end, on the bus thread and within the callback that brought it.
struct BusReader {
    private let message: OpaquePointer
    /// What was asked or received; stands in error messages.
    private let subject: String

    init(_ message: BusMessage, subject: String) {
        self.message = message.raw
        self.subject = subject
    }

    mutating func string() throws(SystemdError) -> String { try text(SD_BUS_TYPE_STRING) }
    mutating func objectPath() throws(SystemdError) -> String { try text(SD_BUS_TYPE_OBJECT_PATH) }

    mutating func uint32() throws(SystemdError) -> UInt32 {
        var value: UInt32 = 0
        try checkPresent(sd_bus_message_read_basic(message, CChar(SD_BUS_TYPE_UINT32), &value))
        return value
    }

    mutating func int32() throws(SystemdError) -> Int32 {
        var value: Int32 = 0
        try checkPresent(sd_bus_message_read_basic(message, CChar(SD_BUS_TYPE_INT32), &value))
        return value
    }

    mutating func uint64() throws(SystemdError) -> UInt64 {
        var value: UInt64 = 0
        try checkPresent(sd_bus_message_read_basic(message, CChar(SD_BUS_TYPE_UINT64), &value))
        return value
    }

    mutating func bool() throws(SystemdError) -> Bool {
        var value: Int32 = 0
        try checkPresent(sd_bus_message_read_basic(message, CChar(SD_BUS_TYPE_BOOLEAN), &value))
        return value != 0
    }

    mutating func bytes() throws(SystemdError) -> [UInt8] {
        var start: UnsafeRawPointer?
        var count = 0
        try check(sd_bus_message_read_array(message, CChar(SD_BUS_TYPE_BYTE), &start, &count))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Reads an array whose elements have the type `contents`, one call of `element` each.
    mutating func array<Element>(
        of contents: String, _ element: (inout BusReader) throws(SystemdError) -> Element
    ) throws(SystemdError) -> [Element] {
        try checkPresent(sd_bus_message_enter_container(message, CChar(SD_BUS_TYPE_ARRAY), contents))
        var elements: [Element] = []
        while sd_bus_message_at_end(message, 0) == 0 { elements.append(try element(&self)) }
        try check(sd_bus_message_exit_container(message))
        return elements
    }

    mutating func structure<Value>(
        _ contents: String, _ body: (inout BusReader) throws(SystemdError) -> Value
    ) throws(SystemdError) -> Value {
        try inside(SD_BUS_TYPE_STRUCT, contents, body)
    }

    /// Reads an `a{sv}`, keeping what `wanted` names and this module can hold.
    mutating func dictionary(wanted: Set<String>) throws(SystemdError) -> [String: BusValue] {
        var values: [String: BusValue] = [:]
        _ = try array(of: "{sv}") { reader throws(SystemdError) in
            try reader.inside(SD_BUS_TYPE_DICT_ENTRY, "sv") { reader throws(SystemdError) in
                let name = try reader.string()
                if wanted.contains(name) {
                    values[name] = try reader.variant()
                } else {
                    try reader.skip("v")
                }
            }
        }
        return values
    }

    /// Reads a variant; `nil` for types that no property of ours has.
    mutating func variant() throws(SystemdError) -> BusValue? {
        var contents: UnsafePointer<CChar>?
        try check(sd_bus_message_peek_type(message, nil, &contents))
        let signature = contents.map { String(cString: $0) } ?? ""
        guard ["s", "o", "u", "i", "t", "b", "ay", "(uo)"].contains(signature) else {
            try skip("v")
            return nil
        }
        return try inside(SD_BUS_TYPE_VARIANT, signature) { reader throws(SystemdError) -> BusValue in
            switch signature {
            case "s": .string(try reader.string())
            case "o": .string(try reader.objectPath())
            case "u": .number(UInt64(try reader.uint32()))
            case "i": .signed(try reader.int32())
            case "t": .number(try reader.uint64())
            case "b": .bool(try reader.bool())
            case "ay": .bytes(try reader.bytes())
            default:
                try reader.structure("uo") { reader throws(SystemdError) -> BusValue in
                    .reference(id: try reader.uint32(), path: try reader.objectPath())
                }
            }
        }
    }

    mutating func skip(_ types: String) throws(SystemdError) { try check(sd_bus_message_skip(message, types)) }

    mutating func inside<Value>(
        _ type: Int, _ contents: String, _ body: (inout BusReader) throws(SystemdError) -> Value
    ) throws(SystemdError) -> Value {
        try checkPresent(sd_bus_message_enter_container(message, CChar(type), contents))
        let value = try body(&self)
        try check(sd_bus_message_exit_container(message))
        return value
    }

    private func text(_ type: Int) throws(SystemdError) -> String {
        var start: UnsafePointer<CChar>?
        let status = withUnsafeMutablePointer(to: &start) { sd_bus_message_read_basic(message, CChar(type), $0) }
        try checkPresent(status)
        guard let start else { throw SystemdError(errno: EBADMSG, subject: subject) }
        return String(cString: start)
    }

    private func check(_ status: Int32) throws(SystemdError) {
        guard status >= 0 else {
            throw SystemdError(
                code: .malformedAnswer, message: "systemd: \(subject): the answer cannot be read: errno \(-status)")
        }
    }

    /// As `check`, for reads at which the message may be over: sd-bus then answers 0 and leaves the value alone.
    private func checkPresent(_ status: Int32) throws(SystemdError) {
        try check(status)
        if status == 0 {
            throw SystemdError(
                code: .malformedAnswer, message: "systemd: \(subject): the answer ends before it should")
        }
    }
}

/// A property's value, of the types that this module reads.
enum BusValue: Hashable, Sendable {
    case string(String)
    case number(UInt64)
    case signed(Int32)
    case bool(Bool)
    case bytes([UInt8])
    case reference(id: UInt32, path: String)

    var text: String? { if case .string(let text) = self { text } else { nil } }
    var number: UInt64? { if case .number(let number) = self { number } else { nil } }
    var signed: Int32? { if case .signed(let number) = self { number } else { nil } }
    var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }
}
