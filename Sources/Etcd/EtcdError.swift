// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a request to etcd did not succeed.
package struct EtcdError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// No endpoint could be talked to: it refused, cannot be reached, or the connection broke.
        case unreachable
        /// The deadline passed before an answer came.
        case timedOut
        /// The member has no leader or is being elected: the cluster has no quorum just now.
        case noLeader
        /// The revision that was asked for has been compacted away.
        case compacted
        /// The lease does not exist any more.
        case leaseNotFound
        /// The server's space quota is exceeded (alarm NOSPACE).
        case noSpace
        /// The members have found that their data differ (alarm CORRUPT), and take no writes.
        case corrupt
        /// The user is known and may not do this.
        case permissionDenied
        /// etcd does not let us in: wrong password, no such user, or no login given where one is wanted.
        ///
        /// Final until somebody changes the password here or there, and never said of an etcd that could not be asked.
        case loginRefused
        /// A user, role or right that the request names does not exist.
        case notFound
        /// A user or role that the request would make exists.
        case alreadyExists
        /// The store that answers is not the one that was there before: other cluster id, or less history.
        case storeReplaced
        /// TLS could not be set up: wrong authority, name, or client certificate.
        case tls
        /// The request was malformed or over a limit of the server.
        case invalidRequest
        /// The answer could not be understood.
        case malformedAnswer
        /// The answer is larger than `EtcdConfiguration.answerLimit`.
        case answerTooLarge
        /// The caller cancelled.
        case cancelled
        /// Anything else that the server reports.
        case server
    }

    package var code: Code
    /// What failed, on what and why, in one line.
    package var message: String
    /// Whether the same request may succeed later without anybody changing anything.
    package var isTransient: Bool
    /// Whether the request may have been carried out all the same; `false` means that it certainly was not.
    package var mayHaveHappened: Bool

    package init(code: Code, message: String, isTransient: Bool, mayHaveHappened: Bool) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
        self.mayHaveHappened = mayHaveHappened
    }

    package var description: String { message }

    /// Whether etcd keeps this user out, altogether or from what he asked for; other users may get in.
    package var isForUserAlone: Bool { code == .loginRefused || code == .permissionDenied }
}
