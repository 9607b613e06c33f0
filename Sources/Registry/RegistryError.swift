// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd

/// Why the registry could not do what it was asked for.
package struct RegistryError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// What the request names does not exist.
        case notFound
        /// It exists already, or is no longer as the caller expected it.
        case conflict
        /// Others changed the same entry again and again in between.
        case interfered
        /// The machine's lease is gone, and with it its record and states.
        case sessionLost
        /// Another engine leads now, or none.
        case deposed
        /// The request itself cannot be stored.
        case invalid
        /// The stored value cannot be read, so it cannot be changed either.
        case damaged
        /// What the caller waited for was not seen in time.
        case timedOut
        /// The store's revision went back: it was emptied, or it is another store (rule R8).
        case otherStore
        /// The store did not do it.
        case store(EtcdError)

        init(_ error: EtcdError) {
            switch error.code {
            case .leaseNotFound: self = .sessionLost
            case .storeReplaced: self = .otherStore
            default: self = .store(error)
            }
        }
    }

    package var code: Code
    /// What failed and on what, such as `revoking user ada`; empty where `reason` says it.
    package var action: String
    /// Why, and what to do, in one line.
    package var reason: String
    /// Whether the same request may succeed later without anybody changing anything.
    package var isTransient: Bool
    /// Whether the request may have been carried out all the same; `false` means that it certainly was not.
    package var mayHaveHappened: Bool
    /// The revision of what stands in the way, of a `.conflict`: a state as of it shows that; 0 when it is not known.
    package var revision: Int64 = 0

    /// `message` says why and what to do; `action`, what failed and on what, is left out where `message` says that, too.
    package init(
        code: Code, while action: String = "", message: String, isTransient: Bool = false, mayHaveHappened: Bool = false
    ) {
        self.code = code
        self.action = action
        self.reason = message
        self.isTransient = isTransient
        self.mayHaveHappened = mayHaveHappened
    }

    /// What the store said while `action` was done; a lost lease and another store have codes of their own.
    package init(_ error: EtcdError, while action: String) {
        self.init(
            code: Code(error), while: action, message: error.message, isTransient: error.isTransient,
            mayHaveHappened: error.mayHaveHappened)
    }

    /// What failed, on what, why, and what to do, in one line.
    ///
    /// Who answers a request passes `reason` on: the asker says himself what he asked for.
    package var message: String { action.isEmpty ? reason : "\(action): \(reason)" }

    package var description: String { message }

    /// Whether the store keeps this user out, altogether or from what he asked for; other users may get in.
    package var isForUserAlone: Bool {
        if case .store(let cause) = code { cause.isForUserAlone } else { false }
    }
}
