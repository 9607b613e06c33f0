// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A command line that may have been written for fleetctl, brought into this program's form.
///
/// What means the same is taken; what names a thing that is not there, such as fleet's way into etcd past its API, is refused
/// with the words that help. None of it shows up in `--help`.
package struct FleetctlCommandLine: Sendable {
    /// What to parse.
    package let arguments: [String]
    /// What the user should know about arguments and variables that have no effect.
    package let warnings: [String]

    /// fleetctl's options without a meaning here: what to do instead.
    package static let refused: [String: String] = [
        "--etcd-key-prefix": "only the agents talk to etcd; give them the cluster's name as --cluster",
        "--etcd-keyfile": "only the agents talk to etcd; give them --etcd-key-file",
        "--etcd-certfile": "only the agents talk to etcd; give them --etcd-cert-file",
        "--etcd-cafile": "only the agents talk to etcd; give them --etcd-ca-file",
    ]

    /// Variables of fleetctl without a meaning here; they may have been set for other programs, so they only warn.
    package static let ignoredVariables =
        [
            "DRIVER", "ETCD_KEY_PREFIX", "ETCD_KEYFILE", "ETCD_CERTFILE", "ETCD_CAFILE",
        ]

    /// - Throws: `ClusterManagerError.usage` for an option that fleetctl has and this program cannot honour.
    package init(_ arguments: [String], environment: [String: String] = [:]) throws {
        var taken: [String] = []
        var rest = PassThrough.terminated(arguments)[...]
        while let word = rest.first, word != "--" {
            rest.removeFirst()
            let name = word.prefix { $0 != "=" }
            switch name {
            case "--experimental-api" where word == name || word.hasSuffix("=true"): continue
            case "--driver":
                var value = String(word.dropFirst(name.count + 1))
                if word == name { value = rest.popFirst() ?? "" }
                guard value.lowercased() == "api" else {
                    throw ClusterManagerError(
                        .usage, "--driver=\(value) is fleetctl's; this program talks to the API alone: use --endpoint")
                }
            case "--strict-host-key-checking" where word == name:
                // fleetctl's is a flag that may stand alone.
                let value = rest.first.flatMap { ["true", "false"].contains($0) ? $0 : nil }
                if value != nil { rest.removeFirst() }
                taken.append("\(name)=\(value ?? "true")")
            default:
                if let words = Self.refused[String(name)] {
                    throw ClusterManagerError(.usage, "\(name) is fleetctl's and has no meaning here: \(words)")
                }
                taken.append(word)
            }
        }
        // What stands behind ssh's target is the remote command's; that JSON is wanted holds for this program's own words, too.
        if GlobalOptions.asksForJSON(arguments), !GlobalOptions.asksForJSON(taken) { taken.append("--output=json") }
        self.arguments = taken + rest
        let ignored = Self.ignoredVariables.map { "FLEETCTL_\($0)" }.filter { name in
            guard let value = environment[name], !value.isEmpty else { return false }
            return !(name == "FLEETCTL_DRIVER" && value.lowercased() == "api")
        }
        self.warnings =
            ignored.isEmpty
            ? [] : ["\(ignored.joined(separator: " and ")) has no meaning here and is ignored: only the API is used"]
    }
}

/// `ssh`'s command line, in which everything behind the target belongs to the remote command.
enum PassThrough {
    private static let valued: Set<String> = [
        "--machine", "--unit", "--ssh-port", "--endpoint", "--request-timeout", "--output", "--tunnel",
        "--ssh-username", "--ssh-timeout", "--known-hosts-file", "--profile", "--ca-file", "--cert-file", "--key-file",
    ]

    /// Puts `--` before the first word of `ssh` that is no option of its own, unless one stands there.
    ///
    /// Otherwise `cluster-manager ssh web ls --full` would take the `--full` for its own, and the demonstrator's `--status`,
    /// which counts wherever it stands, for a wish for the status report.
    static func terminated(_ arguments: [String]) -> [String] {
        var index = 0
        var isSSH = false
        while index < arguments.count {
            let word = arguments[index]
            if word == "--" { return arguments }
            if word.hasPrefix("-") && word != "-" {
                index += valued.contains(word) ? 2 : 1
            } else if !isSSH {
                guard word == "ssh" else { return arguments }
                isSSH = true
                index += 1
            } else {
                return arguments[..<index] + ["--"] + arguments[index...]
            }
        }
        return arguments
    }
}
