// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a run leaves behind: always a hash of all that happened, and a story in words when it is asked for.
struct Story {
    let isTold: Bool
    private(set) var lines: [String] = []
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    init(isTold: Bool) { self.isTold = isTold }

    /// Takes a number into the hash.
    ///
    /// - Source: FNV-1a, over whole words, with one more shift since words differ mostly in their low bits.
    mutating func mix(_ number: UInt64) {
        hash = (hash ^ number) &* 0x0000_0100_0000_01B3
        hash ^= hash >> 29
    }

    mutating func note(at time: Int64, _ text: () -> String) {
        guard isTold else { return }
        lines.append(Self.clock(time) + "  " + text())
    }

    /// Seconds with three places, aligned.
    static func clock(_ time: Int64) -> String {
        let milliseconds = time / 1_000_000
        let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000)
        let padding = String(repeating: "0", count: 3 - String(rest).count)
        let text = "\(seconds).\(padding)\(rest)"
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }
}
