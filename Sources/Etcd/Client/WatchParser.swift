// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Cuts the bytes of a watch into messages: one JSON object a line, large ones in several fragments.
struct WatchParser {
    /// Longer lines are not taken; etcd can be asked to split its answers, at about 2 MB.
    private static let lineLimit = 32 << 20

    private(set) var isOverLimit = false
    private var unfinished: [UInt8] = []
    /// Events of fragments whose last one has not come; a revision must never be handed out in part.
    private var fragments: [WatchEvent] = []

    /// Takes the bytes that came and returns the messages that are complete now.
    mutating func feed(_ bytes: [UInt8]) throws(JSONError) -> [Streamed<WatchAnswer>] {
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            unfinished += bytes
            guard unfinished.count <= Self.lineLimit else {
                isOverLimit = true
                throw JSONError(offset: unfinished.count, expected: "the end of a line")
            }
            return []
        }
        var reader = JSONReader(unfinished + bytes[...end])
        unfinished = Array(bytes[(end + 1)...])
        var messages: [Streamed<WatchAnswer>] = []
        while reader.peek() != nil {
            var message = try Streamed<WatchAnswer>(from: &reader)
            if message.message.isFragment {
                fragments += message.message.events
                continue
            }
            if !fragments.isEmpty {
                message.message.events = fragments + message.message.events
                fragments = []
            }
            messages.append(message)
        }
        return messages
    }
}
