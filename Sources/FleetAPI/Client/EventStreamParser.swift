// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Takes a stream of server-sent events apart, in whatever pieces its bytes come.
///
/// - Source: HTML standard, section 9.2 "Server-sent events". Lines may end with LF, CR or CRLF; comments and unknown
///   fields are skipped; `retry` is not used, since the caller decides when to connect again.
package struct EventStreamParser: Sendable {
    /// One event as it stands on the wire.
    package struct RawEvent: Hashable, Sendable {
        package var name: String
        package var id: String
        package var data: String
    }

    /// What a stream can do wrong.
    package struct Overflow: Error {}

    /// The longest event, in bytes; a unit file is at most 1 MiB, and JSON may lengthen it.
    private let limit: Int
    private var line: [UInt8] = []
    private var previousWasCR = false
    private var name = ""
    private var id = ""
    private var data: [String] = []
    private var size = 0

    package init(limit: Int = 16 << 20) { self.limit = limit }

    /// Takes in `bytes` and gives the events that they complete.
    ///
    /// - Throws: `Overflow` when one event is longer than the limit.
    package mutating func consume(_ bytes: some Sequence<UInt8>) throws(Overflow) -> [RawEvent] {
        var events: [RawEvent] = []
        for byte in bytes {
            let followsCR = previousWasCR
            previousWasCR = byte == 0x0d
            switch byte {
            case 0x0a where followsCR: break
            case 0x0a, 0x0d:
                if let event = endLine() { events.append(event) }
            default:
                size += 1
                guard size <= limit else { throw Overflow() }
                line.append(byte)
            }
        }
        return events
    }

    /// Handles the line that is complete; an empty one completes an event.
    private mutating func endLine() -> RawEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return endEvent() }
        let colon = line.firstIndex(of: 0x3a) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == 0x20 { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": name = text
        case "data": data.append(text)
        case "id": id = text
        default: size -= line.count
        }
        return nil
    }

    private mutating func endEvent() -> RawEvent? {
        defer {
            name = ""
            data = []
            size = 0
        }
        guard !data.isEmpty else { return nil }
        return RawEvent(name: name.isEmpty ? "message" : name, id: id, data: data.joined(separator: "\n"))
    }
}
