// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// What an open file is.
package enum FileKind: Sendable, Hashable {
    case regular, folder, pipe, other

    /// Asks the kernel; `nil` when it does not say, and `errno` tells why.
    ///
    /// - Parameter descriptor: An open file.
    package init?(of descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .folder
        case S_IFIFO: self = .pipe
        default: self = .other
        }
    }
}
