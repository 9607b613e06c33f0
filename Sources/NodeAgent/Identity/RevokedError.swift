// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The cluster has revoked this machine.
///
/// The process ends with a status of its own, after which the service is not started again.
struct RevokedError: Error, CustomStringConvertible {
    /// As sysexits.h has for a lack of permission.
    static let exitStatus: Int32 = 77

    var description: String {
        "this machine was revoked by an administrator; to bring it back: cluster-manager token create --kind worker (or manager), "
            + "then node-agent join"
    }
}

/// Whether this machine was revoked while the agent ran; the first part of the program to end need not be the one that knows.
final class Revocation: Sendable {
    private let noted = Mutex(false)

    var isNoted: Bool { noted.withLock { $0 } }

    func note() { noted.withLock { $0 = true } }
}
