// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// What somebody may do with the API; each role may do what those before it may.
    package enum Role: String, CaseIterable, Comparable, Sendable {
        /// Reads.
        case viewer
        /// Changes units.
        case `operator`
        /// Changes the cluster itself: users, tokens, machines.
        case admin

        package static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .viewer: 0
            case .operator: 1
            case .admin: 2
            }
        }
    }

    /// What a call needs its caller to be; the server checks it.
    package enum Permission: Hashable, Sendable {
        /// Nothing: what strangers must be able to ask before they can prove anything.
        case none
        /// A user of that role or a higher one.
        case role(Role)
        /// Any machine of the cluster, or an administrator.
        case machine
        /// The machine whose id is the path's first open segment, or an administrator.
        case machineItself
        /// The user whose name is the path's first open segment.
        case userItself

        /// What a method needs where nothing else is said: reading is for viewers, everything else for operators.
        package static func standard(_ method: String) -> Permission {
            .role(method == "GET" || method == "HEAD" ? .viewer : .operator)
        }

        /// Who that is, in the words of the pages.
        package var words: String {
            switch self {
            case .none: "anybody"
            case .role(let role): role.rawValue
            case .machine: "machine, admin"
            case .machineItself: "machine itself, admin"
            case .userItself: "user itself"
            }
        }
    }
}
