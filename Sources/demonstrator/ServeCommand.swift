// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Demonstrator
import FoundationEssentials
import Logging

/// `demonstrator serve`: what stands behind a unit until the real parts do.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves a page and /status.json that tell which unit runs here, where, and since when.",
        usage: """
            demonstrator serve --kind <kind> --hostname <hostname>
                --machine-id <machine-id> [<options>]
            """)

    @Option(help: "What the unit is: \(UnitKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kind: UnitKind

    @Option(help: "Number of the agent's instance, from 1; provisioning has none.")
    var instance: Int?

    @Option(help: "Port to listen on (default: 9999 for celix, else 8080).")
    var port: Int?

    @Option(help: "Address to listen on.")
    var address = "0.0.0.0"

    @Option(help: "Name of this host.")
    var hostname: String

    @Option(help: "Id of this machine, as in /etc/machine-id.")
    var machineID: String

    func validate() throws {
        if let port, !(1...65_535).contains(port) {
            throw ValidationError("a port is 1 to 65535, so there is no port \(port)")
        }
    }

    func run() async throws {
        let identity = try UnitIdentity(
            kind: kind, instance: instance, machineID: machineID, hostname: hostname, startedAt: Date())
        let server = IdentityServer(
            identity: identity, address: address, port: port ?? kind.usualPort, logger: Logger(label: "demonstrator"))
        try await server.run()
    }
}

extension UnitKind: ExpressibleByArgument {}
