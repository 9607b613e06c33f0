// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Terminal

/// One line at the bottom of a terminal that is rewritten in place; nothing at all where no person watches.
package struct ProgressLine: Sendable {
    private let stream: Console.Stream
    private var isShown = false
    private var turn = 0

    private static let frames = ["|", "/", "-", "\\"]
    /// The width of a terminal that does not say its own.
    private static let standardColumns = 80

    package init(_ stream: Console.Stream) { self.stream = stream }

    package mutating func show(_ text: String) {
        guard stream.isTerminal else { return }
        turn = (turn + 1) % Self.frames.count
        // A longer line would wrap and could not be erased; behind one that fills the row some terminals begin the next.
        let width = max((stream.columns() ?? Self.standardColumns) - 1, 0)
        stream.write("\r\u{1B}[K" + String("\(Self.frames[turn]) \(Printable.line(text))".prefix(width)))
        isShown = true
    }

    package mutating func clear() {
        guard isShown else { return }
        stream.write("\r\u{1B}[K")
        isShown = false
    }
}
