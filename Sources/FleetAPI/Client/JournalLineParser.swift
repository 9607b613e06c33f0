// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

/// Takes apart a stream of JSON objects, one a line.
struct JournalLineParser {
    /// Why a stream cannot be read.
    enum Failure: Error, Hashable {
        /// A line is longer than any that the API sends.
        case overflow
        /// A line is no JSON of ours.
        case malformed
    }

    /// A message of 64 KiB, of which JSON makes six bytes a byte at worst, and the rest of an entry.
    private static let limit = 512 << 10

    private var rest: [UInt8] = []

    /// The items of the lines that `bytes` complete; empty lines mean nothing.
    mutating func consume(_ bytes: [UInt8]) throws(Failure) -> [API.JournalItem] {
        rest += bytes
        var items: [API.JournalItem] = []
        var start = rest.startIndex
        while let end = rest[start...].firstIndex(of: 0x0A) {
            let line = rest[start..<end]
            start = end + 1
            if line.isEmpty { continue }
            guard let item = try? JSONDecoder().decode(API.JournalItem.self, from: Data(line)) else {
                throw .malformed
            }
            items.append(item)
        }
        rest.removeFirst(start)
        if rest.count > Self.limit { throw .overflow }
        return items
    }

    /// Whether a line has begun that did not end.
    var isWithinLine: Bool { !rest.isEmpty }
}
