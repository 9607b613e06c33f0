// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Identity
import Registry

/// Why the authority does not do what it was asked.
package enum AuthorityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The request makes no sense.
    case invalid(String)
    /// The token is no good; why is for the audit, never for its bearer.
    case badToken(String)
    /// It does not fit what is there.
    case conflict(String)
    case missing(String)
    /// Key, certificate or folder.
    case identity(IdentityError)
    /// The store; it may help to try again.
    case store(String)

    package var description: String {
        switch self {
        case .invalid(let words), .badToken(let words), .conflict(let words), .missing(let words), .store(let words):
            words
        case .identity(let error): error.message
        }
    }

    /// - Parameters:
    ///   - error: What the records' keeper says.
    ///   - namesAction: Whether the words say what failed; off where whoever asked says that himself.
    init(_ error: RegistryError, namesAction: Bool = true) {
        let words = namesAction ? error.message : error.reason
        switch error.code {
        case .conflict: self = .conflict(words)
        case .notFound: self = .missing(words)
        case .invalid: self = .invalid(words)
        default: self = .store(words)
        }
    }
}
