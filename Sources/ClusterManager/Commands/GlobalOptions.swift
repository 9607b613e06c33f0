// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Options that every command takes, before or after its name.
struct GlobalOptions: ParsableArguments {
    /// Over these options in help, where every command but the program itself shows no more than their names.
    static let title = "Options of every command"
    /// The same over those of a command that asks no cluster, to which only `--output` means something.
    static let localTitle = "Output"

    @Option(
        help: ArgumentHelp(
            "Where the cluster's API answers: unix:/path, tls:host:port, tcp:host:port or http://host:port.",
            discussion:
                "Default: FLOTILLA_ENDPOINT, else FLEETCTL_ENDPOINT, else unix:/run/flotilla/api.sock, else the "
                + "profile in use.",
            valueName: "address"))
    var endpoint: String?

    @Option(
        help: ArgumentHelp(
            "As whom, and where unless --endpoint says so: one of 'cluster-manager profile list'.",
            discussion: "Default: FLOTILLA_PROFILE, else the profile in use.", valueName: "name"),
        completion: .custom(UnitCompletion.profiles))
    var profile: String?

    @Option(
        name: .customLong("ca-file"),
        help: ArgumentHelp("Whom to believe at an endpoint with TLS, PEM; instead of a profile.", valueName: "file"),
        completion: .file())
    var authorityFile: String?

    @Option(
        name: .customLong("cert-file"),
        help: ArgumentHelp("The certificate to show there, PEM.", valueName: "file"), completion: .file())
    var certificateFile: String?

    @Option(
        name: .customLong("key-file"), help: ArgumentHelp("Its key, PEM.", valueName: "file"), completion: .file())
    var keyFile: String?

    @Option(
        name: .customLong("request-timeout"),
        help: ArgumentHelp(
            "How long one request may take, such as 10, 10s, 2m; 30s unless said otherwise.", valueName: "time"))
    var requestTimeoutText: String?

    /// Text, since `journal` means journalctl's forms by it.
    @Option(
        help: ArgumentHelp(
            "Print results as a table, or as JSON with every field; of 'journal', in one of journalctl's forms.",
            valueName: "table|json"),
        completion: .list(OutputFormat.allCases.map(\.rawValue)))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Reach the cluster through this host by the system's ssh; the endpoint is then one of that host.",
            discussion: "Default: FLOTILLA_TUNNEL, else FLEETCTL_TUNNEL.", valueName: "[user@]host[:port]"))
    var tunnel: String?

    @Option(
        name: .customLong("ssh-username"),
        help: ArgumentHelp("Whom ssh logs in as; without it, whom ssh's own configuration says.", valueName: "name"))
    var sshUsername: String?

    @Option(
        name: .customLong("ssh-timeout"),
        help: ArgumentHelp(
            "How long ssh tries to connect, such as 5, 5s; 10s unless said otherwise.", valueName: "time"))
    var sshTimeoutText: String?

    @Option(
        name: .customLong("strict-host-key-checking"),
        help: ArgumentHelp(
            "Whether ssh refuses hosts whose key is unknown or has changed; without it, as ssh's configuration says.",
            valueName: "true|false"))
    var strictHostKeyChecking: Bool?

    @Option(
        name: .customLong("known-hosts-file"),
        help: ArgumentHelp("Where ssh keeps the keys of hosts; without it, ssh's own file.", valueName: "file"),
        completion: .file())
    var knownHostsFile: String?

    @Flag(help: "Tell on standard error what is asked of the cluster and how long it takes.")
    var debug = false

    func validate() throws {
        try Period.check(requestTimeoutText, "--request-timeout", most: 86_400)
        try Period.check(sshTimeoutText, "--ssh-timeout", most: 86_400)
    }

    /// In seconds.
    private var requestTimeout: Double? { requestTimeoutText.flatMap(Period.time) }

    private var sshTimeout: Double? { sshTimeoutText.flatMap(Period.time) }

    /// What `--output` asks for.
    ///
    /// - Throws: `ClusterManagerError.usage` for a word that is no format.
    func format() throws -> OutputFormat {
        guard let output else { return .table }
        guard let format = OutputFormat(rawValue: output) else {
            throw ClusterManagerError(
                .usage, "the value '\(output)' is invalid for '--output'; it is table or json")
        }
        return format
    }

    /// Whether these words ask for JSON, also when they are no command line that can be understood.
    static func asksForJSON(_ arguments: [String]) -> Bool {
        let own = Array(arguments.prefix { $0 != "--" })
        guard let index = own.lastIndex(where: { $0 == "--output" || $0.hasPrefix("--output=") }) else { return false }
        let value = own[index] == "--output" ? own.dropFirst(index + 1).first : String(own[index].dropFirst(9))
        return value == OutputFormat.json.rawValue
    }

    func settings(environment: [String: String]) throws -> ConnectionSettings {
        let variables = CompatibleVariables(environment)
        return try ConnectionSettings.resolve(
            endpoint: endpoint, profile: profile,
            files: ConnectionSettings.TLSFiles(
                authority: authorityFile ?? variables["CA_FILE"],
                certificate: certificateFile ?? variables["CERT_FILE"], key: keyFile ?? variables["KEY_FILE"]),
            requestTimeout: requestTimeout.map { .seconds($0) },
            environment: environment)
    }

    /// The command line's word for ssh, else the environment's: `FLOTILLA_` before `FLEETCTL_`.
    ///
    /// - Throws: `ClusterManagerError.usage` for a variable that does not read.
    func ssh(environment: [String: String]) throws -> SSHSettings {
        let variables = CompatibleVariables(environment)
        let host = tunnel ?? variables["TUNNEL"]
        return SSHSettings(
            username: sshUsername ?? variables["SSH_USERNAME"],
            knownHostsFile: knownHostsFile ?? variables["KNOWN_HOSTS_FILE"],
            strictHostKeyChecking: try strictHostKeyChecking ?? variables.truth("STRICT_HOST_KEY_CHECKING"),
            timeout: try sshTimeout ?? variables.seconds("SSH_TIMEOUT") ?? SSHSettings.standardTimeout,
            tunnel: try host.flatMap { $0.isEmpty ? nil : try SSHHost($0) })
    }
}
