// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Something on this machine that does not work: what failed, on what, and why.
package struct HostError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    /// Why the file system does not take files; `nil` when that is not what failed.
    package let storage: StorageFault?

    package init(_ message: String, storage: StorageFault? = nil) {
        self.message = message
        self.storage = storage
    }

    package var description: String { message }
}

/// Why a file system does not take files, whatever is in them.
package enum StorageFault: Hashable, Sendable {
    case full
    /// Small files alone fit.
    case scarce
    case readOnly
    case broken

    /// What a person can do; `nil` where that depends.
    var advice: String? {
        switch self {
        case .full, .scarce: "make room there"
        case .readOnly: "mount that file system writable"
        case .broken: nil
        }
    }
}
