// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Authority

/// What a machine is to be: a kind, or the roles in the fine form.
///
/// There is no default: a machine that is made a manager for want of a word can do everything in the cluster, and so can who
/// steals it.
struct KindOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("What kind of machine it makes: manager or worker.", valueName: "kind"),
        completion: .list(MachineKind.allCases.map(\.rawValue)))
    var kind: String?

    @Option(
        help: ArgumentHelp("Instead of a kind: what it does, of agent, engine and api.", valueName: "role,..."))
    var roles: String?

    /// The roles that were chosen, sorted where they follow from a kind.
    ///
    /// - Parameter subject: What has to say it, such as `a token`.
    /// - Returns: Roles as they were written; whoever makes the machine checks them.
    /// - Throws: `ClusterManagerError.usage`.
    func chosenRoles(for subject: String) throws -> [String] {
        switch (kind, roles) {
        case (let word?, nil):
            guard let kind = MachineKind(rawValue: word) else {
                throw ClusterManagerError(.usage, "'\(word)' is no kind of machine; \(MachineKind.choice)")
            }
            return kind.roles.sorted()
        case (nil, let words?): return words.split(separator: ",").map(String.init)
        case (nil, nil):
            throw ClusterManagerError(
                .usage, "\(subject) says which kind of machine it makes; \(MachineKind.choice)")
        case (_?, _?):
            throw ClusterManagerError(.usage, "--kind and --roles both say what the machines do; give one of them")
        }
    }
}
