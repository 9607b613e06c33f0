// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A password and, while it is being changed, its successor, each in a file of its own.
///
/// Who changes it writes the successor down before anybody is told. Whatever breaks off in between, one of the two is good.
package struct PasswordFile: Hashable, Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// The password that counted last; `nil` where there is none.
    package func present() throws(IdentityError) -> String? { try Self.read(path) }

    /// The one that may count already; `nil` where none is under way.
    package func next() throws(IdentityError) -> String? { try Self.read(nextPath) }

    /// Writes a password that counts from now on; one that was under way is forgotten.
    package func store(_ password: String) throws(IdentityError) {
        try IdentityFile.write(password + "\n", to: path, mode: IdentityFile.secretMode)
        IdentityFile.remove(nextPath)
    }

    package func keepNext(_ password: String) throws(IdentityError) {
        try IdentityFile.write(password + "\n", to: nextPath, mode: IdentityFile.secretMode)
    }

    /// The successor counts, and the former password does not.
    package func takeNext() throws(IdentityError) {
        if let password = try next() { try store(password) }
    }

    private var nextPath: String { path + ".next" }

    private static func read(_ path: String) throws(IdentityError) -> String? {
        IdentityFile.exists(path) ? try password(inFile: path) : nil
    }

    /// The password in a file that an operator names, or that is known to be there.
    ///
    /// - Throws: `.file` where there is none, and for one that others than its owner can read.
    package static func password(inFile path: String) throws(IdentityError) -> String {
        password(in: try IdentityFile.read(path, isSecret: true))
    }

    /// The password in what such a file holds: its first line, so an editor's newline at its end is no part of it.
    package static func password(in text: String) -> String { String(text.prefix { !$0.isNewline }) }
}
