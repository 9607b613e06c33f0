// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the agent tells the guard: one line each on the FIFO.
///
/// `deadline <nanoseconds>`: the units may run until CLOCK_BOOTTIME reaches this. `disarm`: they may run without end.
package enum GuardCommand: Hashable, Sendable {
    /// CLOCK_BOOTTIME in nanoseconds.
    case deadline(UInt64)
    case disarm

    /// The line on the wire, with its line break; never longer than `longestLine`.
    package var line: String {
        switch self {
        case .deadline(let nanoseconds): "deadline \(nanoseconds)\n"
        case .disarm: "disarm\n"
        }
    }

    /// `deadline `, 20 digits, line break.
    static let longestLine = 30
}

/// Cuts the bytes that arrive on the FIFO into commands, in a fixed amount of memory.
struct GuardLineParser {
    /// What is known of the current line.
    private var line: [UInt8] = []
    /// The line is too long to be one of ours; nothing of it counts.
    private var isOverlong = false

    init() { line.reserveCapacity(GuardCommand.longestLine) }

    /// Takes bytes and answers the last complete command among them.
    ///
    /// Older commands of the same batch are out of date by the time anybody looks. Lines that are no command are
    /// dropped, which leaves the last deadline in force: the safe side.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> GuardCommand? {
        var last: GuardCommand?
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !isOverlong, let command = Self.parse(line) { last = command }
                line.removeAll(keepingCapacity: true)
                isOverlong = false
            } else if line.count < GuardCommand.longestLine {
                line.append(byte)
            } else {
                isOverlong = true
            }
        }
        return last
    }

    private static let deadlineWord = Array("deadline ".utf8)
    private static let disarmWord = Array("disarm".utf8)

    private static func parse(_ line: [UInt8]) -> GuardCommand? {
        if line == disarmWord { return .disarm }
        guard line.starts(with: deadlineWord), line.count > deadlineWord.count else { return nil }
        var number: UInt64 = 0
        for byte in line[deadlineWord.count...] {
            guard case UInt8(ascii: "0")...UInt8(ascii: "9") = byte else { return nil }
            let (tens, tooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !tooLarge, !overflow else { return nil }
            number = sum
        }
        return .deadline(number)
    }
}
