// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

extension OutputFormat: ExpressibleByArgument {}

/// Options that every command takes, before or after its name.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the cluster's API answers: unix:/path, tcp:host:port or http://host:port.",
            discussion: "Default: FLOTILLA_ENDPOINT, else FLEETCTL_ENDPOINT, else unix:/run/flotilla/api.sock.",
            valueName: "address"))
    var endpoint: String?

    @Option(
        name: .customLong("request-timeout"),
        help: ArgumentHelp("How long one request may take; 30 unless said otherwise.", valueName: "seconds"))
    var requestTimeout: Double?

    @Option(help: ArgumentHelp("Print results as a table, or as JSON with every field.", valueName: "table|json"))
    var output: OutputFormat = .table

    @Flag(help: "Tell on standard error what is asked of the cluster and how long it takes.")
    var debug = false

    func validate() throws {
        if let requestTimeout, !(requestTimeout > 0 && requestTimeout <= 86_400) {
            throw ValidationError("--request-timeout must be more than 0 and at most 86400 seconds")
        }
    }

    func settings(environment: [String: String]) -> ConnectionSettings {
        ConnectionSettings(
            endpoint: endpoint, requestTimeout: requestTimeout.map { .seconds($0) }, environment: environment)
    }
}
