// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why an identity could not be made, read or believed.
package struct IdentityError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// Text or bytes are not what they should be: PEM, DER, a token, a profile.
        case malformed
        /// A certificate was signed by nobody whom we trust.
        case unknownAuthority
        /// A certificate's time is over.
        case expired
        /// A certificate's time has not begun; as a rule a clock is wrong.
        case notYetValid
        /// A certificate does not name exactly one machine or user, or may not be used for this.
        case wrongPurpose
        /// A certificate belongs to another cluster.
        case otherCluster
        /// A file is missing, cannot be read or written, or is open to others.
        case file
        /// What is to be made exists already.
        case exists
    }

    package var code: Code
    /// One line: what failed, on what, why, and what to do.
    ///
    /// It never holds a secret.
    package var message: String
    /// None of these mends itself.
    package var isTransient: Bool { false }

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
