// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why the demonstrator does not run.
package struct DemonstratorError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// Kind and instance do not fit together.
        case invalidIdentity
        /// The port cannot be had: taken, reserved, or the address is not this machine's.
        case cannotListen
    }

    package var code: Code
    /// What failed, on what, why and what to do, in one line.
    package var message: String
    /// Whether a later try may succeed without anybody changing anything.
    package var isTransient: Bool { code == .cannotListen }

    package var description: String { message }
}
