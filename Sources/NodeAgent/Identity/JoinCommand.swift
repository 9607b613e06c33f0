// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Authority
import FleetAPI
import FleetAPIClient
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Logging
import Systemd

/// `node-agent join`: makes this machine one of a cluster.
struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Make this machine one of a cluster, and start its agent.",
        usage: "node-agent join [options] <endpoint> <token>",
        discussion: """
            The machine's key is made here and never leaves it. The token proves the machine to the cluster, and by the \
            fingerprint in it the cluster to the machine, so that nobody can stand between. Certificate, key and etcd's \
            password go to \(MachineFolder.standard), settings to \(JoinPlan.settingsFile). Of a file that is there the \
            settings that come with the cluster are replaced, and insecure and a certificate for etcd go; its comments and \
            other lines stay.

            EXAMPLES
              node-agent join tls:10.0.0.1:49154 FLT1-...
              node-agent join tls:10.0.0.1:49154 - < token-file

            EXIT STATUS
              0  the machine has joined
              1  it has not; the reason is on standard error, and nothing was changed
            """)

    @Argument(help: "Where an agent with the cluster's authority answers: tls:ADDRESS:PORT.")
    var endpoint: String

    @Argument(help: "The join token, from cluster-manager token create; - reads it from standard input.")
    var token: String

    @Option(help: "Address at which others reach this machine (default: the one that leads towards the endpoint).")
    var address: String?

    @Option(help: "Port of this machine's own API over TLS.")
    var port = MembershipSettings.standardPort

    @Option(name: .customLong("identity-directory"), help: "Where key and certificate go.")
    var folder = MachineFolder.standard

    @Option(name: .customLong("machine-id-file"), help: "File with the machine's id.")
    var machineIDFile = "/etc/machine-id"

    @Option(name: .customLong("settings-file"), help: "Where the agent's settings go.")
    var settingsFile = JoinPlan.settingsFile

    @Flag(help: "Do not start the agent.")
    var noStart = false

    func run() async throws {
        do {
            // An argument can be read by everybody on the machine while this runs; standard input cannot.
            let text = token == "-" ? String(readLine(strippingNewline: true) ?? "") : token
            let plan = try JoinPlan(
                endpoint: try APIEndpoint(endpoint), token: try JoinToken(text: text),
                identity: try HostIdentity(machineIDFile: machineIDFile), address: address, port: port,
                folder: MachineFolder(path: folder), settingsFile: settingsFile)
            let answer = try await plan.join()
            HostFiles.say(
                "machine \(plan.identity.id.short) (\(plan.identity.hostName)) has joined cluster \(answer.cluster) as \(answer.roles.joined(separator: ", "))"
            )
            guard !noStart else { return }
            try await Self.startAgent()
            HostFiles.say("node-agent.service is enabled and running")
        } catch {
            HostFiles.complain("node-agent: \(Self.words(for: error))")
            throw ExitCode.failure
        }
    }

    /// What a failure is told as; a refusal of the cluster's says itself that it is about joining.
    static func words(for error: any Error) -> String {
        let text = "\(error)"
        return text.hasPrefix("cannot join ") ? text : "cannot join: \(text)"
    }

    private static let service = "node-agent.service"

    private static func startAgent() async throws {
        let units = try SystemdManager(endpoints: BusEndpoint.system(), logger: Logger(label: "node-agent"))
        do {
            try await units.connect()
            _ = try await units.enableUnitFiles([service], runtime: false, force: false)
            try await units.reload()
            _ = try await units.restartUnit(service)
        } catch {
            throw HostError(
                "the machine has joined, but \(service) does not start: \(error); start it, or run node-agent")
        }
        await units.close()
    }
}

/// Joining, apart from the command line.
struct JoinPlan: Sendable {
    static let settingsFile = MembershipSettings.standardFile

    let endpoint: APIEndpoint
    let token: JoinToken
    let identity: HostIdentity
    let address: String
    let port: UInt16
    let folder: MachineFolder
    let settingsFile: String

    init(
        endpoint: APIEndpoint, token: JoinToken, identity: HostIdentity, address: String?, port: UInt16,
        folder: MachineFolder, settingsFile: String
    ) throws {
        guard case .tls(let host, let remotePort) = endpoint else {
            throw HostError(
                "\(endpoint) speaks no TLS, so the cluster could not prove itself; name it as tls:ADDRESS:PORT")
        }
        guard !folder.exists else {
            throw HostError(
                "this machine has an identity already, in \(folder.path); to join another cluster, stop node-agent.service and remove that folder"
            )
        }
        if let address {
            try NetworkAddresses.check(address)
            self.address = address
        } else {
            guard let found = NetworkAddresses.source(towards: host, port: remotePort) else {
                throw HostError(
                    "no route leads to \(endpoint); check the address, or name this machine's own with --address")
            }
            self.address = found
        }
        self.endpoint = endpoint
        self.token = token
        self.identity = identity
        self.port = port
        self.folder = folder
        self.settingsFile = settingsFile
    }

    /// Joins, and writes identity and settings.
    func join() async throws -> API.JoinAnswer {
        // First: one that cannot be read costs the token nothing.
        let former = try IdentityFile.present(settingsFile)
        let trust = try await provenAuthority()
        let missing = HostFiles.missingFolders(on: folder.path)
        let key = KeyPair()
        let answer: API.JoinAnswer
        do {
            try IdentityFile.makeFolder(folder.path)
            // Written first: the next request believes this authority alone.
            try IdentityFile.write(trust.pem, to: folder.authoritiesFile, mode: IdentityFile.publicMode)
            answer = try await client(TLSSettings(authorityFile: folder.authoritiesFile)).join(
                API.JoinRequest(
                    token: token.text, request: try key.request(name: "machine:\(identity.id.rawValue)"),
                    machine: identity.id.rawValue, name: identity.hostName, addresses: [address], takesGates: true))
        } catch {
            IdentityFile.remove(folder.authoritiesFile)
            for path in missing { HostFiles.removeEmptyFolder(path) }
            throw error
        }
        if let authorities = answer.etcd.authorities {
            try IdentityFile.write(authorities, to: folder.etcdAuthoritiesFile, mode: IdentityFile.publicMode)
        }
        try IdentityFile.makeFolder(
            String(settingsFile[..<(settingsFile.lastIndex(of: "/") ?? settingsFile.startIndex)]), mode: 0o755,
            tightens: false)
        try IdentityFile.write(settings(answer, keeping: former), toNamed: settingsFile, mode: IdentityFile.publicMode)
        try folder.store(
            key: key, certificate: answer.certificate, authorities: answer.authorities,
            etcdPassword: answer.etcd.password, etcdCertificate: answer.etcd.certificate)
        return answer
    }

    /// The authority that the token vouches for; nothing else that the other end says is believed yet.
    private func provenAuthority() async throws -> TrustBundle {
        let told = try await client(TLSSettings(verifiesServer: false)).authorities()
        let bundle = try TrustBundle(pem: told.authorities)
        let others = bundle.fingerprints.filter { $0 != token.fingerprint }
        guard others.count < bundle.fingerprints.count else {
            throw HostError(
                "\(endpoint) is not of the cluster that the token is for, or somebody stands between; nothing was sent to it"
            )
        }
        return others.reduce(bundle) { $0.without(fingerprint: $1) }
    }

    private func client(_ tls: TLSSettings) -> FleetClient {
        FleetClient(endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: tls))
    }

    /// The agent's settings, as a file of them, with what else `former`, the file before, has.
    func settings(_ answer: API.JoinAnswer, keeping former: String) throws(IdentityError) -> String {
        try MembershipSettings(
            cluster: answer.cluster, address: address, apiPort: port, roles: answer.roles, metadata: answer.metadata,
            etcdEndpoints: answer.etcd.endpoints, etcdUser: answer.etcd.user, storeGates: gates(answer),
            hasForeignEtcd: answer.etcd.authorities != nil, folder: folder
        ).text(keeping: former)
    }

    /// The machines through which this one is to use the store: the one that has let it in is one of them.
    private func gates(_ answer: API.JoinAnswer) -> [String] {
        guard let told = answer.etcd.gates else { return [] }
        let own = "\(endpoint)"
        return [own] + told.filter { $0 != own && PeerEndpoint.read($0, isSecured: true) != nil }
    }
}
