// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a command could not do what it was asked to.
package struct ClusterManagerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// Wrong arguments; nothing was sent.
        case usage
        /// A unit file cannot be read, is too large, or is not a valid unit file.
        case unitFile
        /// A unit that the command needs does not exist, or is in the wrong state for it.
        case unit
        /// The cluster refused the request.
        case refused
        /// An operation has the unit on its way.
        case held
        /// A unit failed on its machine.
        case unitFailed
        /// The wait was given up.
        case timedOut
        /// The operation was carried out in part.
        case partial
        /// Nobody answers at the endpoint.
        case unreachable
        /// An agent answers, and etcd does not serve it.
        case unavailable
        /// The answer was not understood.
        case protocolViolation
        /// The result could not be written.
        case output
    }

    package var code: Code
    /// One line: what failed, on what, why, and what to do.
    package var message: String
    /// Whether the same request may succeed later.
    package var isTransient: Bool
    /// The exit status where a command has its own; `nil` for the one of the code.
    package var status: ExitStatus?

    package init(_ code: Code, _ message: String, isTransient: Bool = false) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
    }

    package var description: String { message }

    /// Why, without address and advice: for who asks again by himself, maybe at another address.
    package var inBrief: String {
        switch code {
        case .unreachable: "the agent that was asked does not answer"
        case .unavailable: "etcd does not answer the agent that was asked"
        case .usage, .unitFile, .unit, .refused, .held, .unitFailed, .timedOut, .partial, .protocolViolation, .output:
            message
        }
    }

    package var exitStatus: ExitStatus {
        if let status { return status }
        return switch code {
        case .timedOut, .partial: .incomplete
        case .unreachable, .unavailable: .unreachable
        case .held: .held
        case .usage, .unitFile, .unit, .refused, .unitFailed, .protocolViolation, .output: .failure
        }
    }
}
