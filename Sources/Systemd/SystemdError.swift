// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a request to systemd did not succeed.
package struct SystemdError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// No unit of that name is loaded and no file for it exists.
        case noSuchUnit
        /// The unit is masked: an administrator forbade it.
        case masked
        /// The unit file has a line that systemd refuses, or lacks one that it needs.
        case badUnitSetting
        /// The unit could not be loaded for another reason.
        case loadFailed
        /// The unit does not support the operation, such as starting one with RefuseManualStart=.
        case refused
        /// The job or transaction contradicts itself or another job (with mode `fail`, for instance).
        case conflict
        /// The unit file exists already, as another file or link.
        case fileExists
        /// The file that was named does not exist.
        case fileNotFound
        /// The unit has no processes to send a signal to.
        case noSuchProcess
        /// The caller lacks the right.
        case accessDenied
        /// An argument is wrong, whether systemd or this module found it.
        case invalidArgument
        /// Nothing listens at the address, or the login there was refused.
        case unreachable
        /// The connection went away, or is down just now.
        case disconnected
        /// No answer came in time.
        case timedOut
        /// A limit of the broker or of systemd was reached.
        case limitExceeded
        /// systemd is shutting the machine down.
        case shuttingDown
        /// The answer could not be understood.
        case malformedAnswer
        /// The caller cancelled, or closed the manager.
        case cancelled
        /// An operating system call failed.
        case system
        /// Anything else that systemd reports.
        case other
    }

    package var code: Code
    /// What failed, on what and why, in one line.
    package var message: String
    /// Whether the same request may succeed later without anybody changing anything.
    package var isTransient: Bool
    /// The D-Bus name of the error as it came over the wire; `nil` when the error arose on this side.
    package var busName: String?

    package init(code: Code, message: String, isTransient: Bool = false, busName: String? = nil) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
        self.busName = busName
    }

    package var description: String { message }
}
