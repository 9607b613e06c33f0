// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What kind of machine a join token makes.
///
/// The roles are the fine form; these two names are what an administrator chooses between, because they differ in what is lost
/// with a stolen machine.
package enum MachineKind: String, CaseIterable, Sendable {
    case manager, worker

    /// What a machine of this kind does.
    package var roles: Set<String> {
        switch self {
        case .manager: AuthorityDesk.allRoles
        case .worker: ["agent"]
        }
    }

    /// What a machine of this kind may do, and so does who steals it.
    package var rights: String {
        switch self {
        case .manager: "runs units, decides and answers the API; a stolen one can do everything in the cluster"
        case .worker:
            "runs units and goes through managers to etcd; a stolen one can do its own things only"
        }
    }

    /// The kinds to choose between, for a message of one line.
    package static var choice: String {
        "say " + allCases.map { "--kind \($0) (\($0.rights))" }.joined(separator: " or ")
    }
}
