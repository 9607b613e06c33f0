// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The cluster has revoked this machine.
///
/// The process ends with a status of its own, after which the service is not started again.
struct RevokedError: Error, CustomStringConvertible {
    /// As sysexits.h has for a lack of permission.
    static let exitStatus: Int32 = 77

    var description: String {
        "this machine was revoked by an administrator; to bring it back: cluster-manager token create, then node-agent join"
    }
}
