// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the program's exit status says.
///
/// The seed program answers 1 to wrong arguments, so that stays; what a script must be able to tell apart from "it
/// failed" has codes of its own.
package enum ExitStatus: Int32, Sendable, CaseIterable, Comparable {
    /// Done, and true at the time of writing.
    case success = 0
    /// The operation failed, or the arguments were wrong and nothing was done.
    case failure = 1
    /// Part of it was done, or the wait was given up before the cluster got there.
    case incomplete = 2
    /// Nobody answers at the endpoint, or etcd does not serve who answers: it is away, full, or without quorum.
    case unreachable = 3
    /// `is-active` and `is-failed`: the cluster knows none of the units.
    case unknownUnit = 4
    /// An operation has the unit, so nothing was done.
    case held = 6

    /// What `is-active` says of units of which none is active: systemctl's number, which means something else elsewhere.
    package static let notActive = ExitStatus.unreachable

    package static func < (one: ExitStatus, other: ExitStatus) -> Bool { one.rawValue < other.rawValue }

    /// The lines of `--help` that document the codes.
    package static let help = """
        EXIT STATUS:
          0  done
          1  the operation failed, or the arguments were wrong and nothing was done
          2  partly done, or the wait timed out; the cluster goes on working at it
          3  nobody answers at the endpoint, or etcd does not serve the agents
          4  is-active, is-failed: the cluster knows none of the units
          6  an operation has the unit on its way, so nothing was done

        The statuses of is-active and is-failed are systemctl's; their own pages have them.
        """
}
