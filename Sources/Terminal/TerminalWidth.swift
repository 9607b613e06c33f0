// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How wide a program's pages are.
package enum TerminalWidth {
    /// Width where nobody says one, in columns.
    private static let standard = 80
    /// What ArgumentParser lays out is no narrower: less leaves nothing beside an option's name.
    package static let narrowest = 50
    /// No page is narrower, whatever the terminal.
    private static let fewest = 20

    /// The width of pages: what `COLUMNS` says, else the terminal's; below `narrowest` they need a layout of their own.
    package static func columns(_ environment: [String: String]) -> Int {
        columns(named: environment["COLUMNS"], least: fewest)
    }

    /// How many columns a terminal has now, which a line that is rewritten in place must keep to.
    ///
    /// - Parameter descriptor: An open file.
    /// - Returns: `nil` for what is no terminal, and for one that does not say.
    package static func columns(ofTerminal descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Keeps ArgumentParser from a terminal that is too narrow for it; each program's first act.
    ///
    /// It lays a page out even to tell an exit status, always for `COLUMNS` or the terminal, and ends the process by a trap where
    /// that is less than its indentation.
    package static func settle() {
        let named = getenv("COLUMNS").map { String(cString: $0) }
        let columns = columns(named: named, least: narrowest)
        // Children inherit it, so it stays unset where nothing is wrong.
        if named != nil || columns == narrowest { setenv("COLUMNS", "\(columns)", 1) }
    }

    private static func columns(named text: String?, least: Int) -> Int {
        let terminal = Self.columns(ofTerminal: STDOUT_FILENO) ?? 0
        let named = text.flatMap { Int($0) } ?? 0
        let columns = named > 0 ? named : terminal
        return columns > 0 ? max(columns, least) : standard
    }
}
