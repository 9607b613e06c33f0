// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a unit's `[X-Fleet]` section is refused when the unit is submitted.
package struct SchedulingOptionsError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// No option of `[X-Fleet]` has this name, or the section's name is misspelt.
        case unknownOption
        /// A value that fleet would drop, or take as one that can never be met.
        case badValue
        /// Options that exclude each other.
        case contradiction
    }

    /// One thing that is wrong.
    package struct Problem: Hashable, Sendable, CustomStringConvertible {
        package let code: Code
        /// The line of the unit file, from 1, where a single line is at fault.
        package let line: Int?
        /// What is wrong and what to do, in one line.
        package let text: String
        /// `text` with the line's number in front.
        package var message: String { line.map { "line \($0): \(text)" } ?? text }

        init(_ code: Code, line: Int? = nil, _ message: String) {
            self.code = code
            self.line = line
            self.text = message
        }

        package var description: String { message }
    }

    /// All that is wrong, in the order of the file, contradictions last; never empty.
    package let problems: [Problem]

    /// The first problem's.
    package let code: Code

    /// Fails when there is no problem.
    init?(_ problems: [Problem]) {
        guard let first = problems.first else { return nil }
        self.problems = problems
        self.code = first.code
    }

    /// The problems in one line: the first ten, and how many more there are.
    package var message: String {
        let shown = problems.prefix(10).map(\.message).joined(separator: "; ")
        return problems.count > 10 ? "\(shown); and \(problems.count - 10) more" : shown
    }

    /// A unit file does not mend itself.
    package var isTransient: Bool { false }

    package var description: String { message }
}
