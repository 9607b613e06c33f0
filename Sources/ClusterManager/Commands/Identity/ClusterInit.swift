// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Authority
import Etcd
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Registry

/// `cluster init`: makes a secured cluster of this machine.
struct ClusterInit: LocalCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a secured cluster, with this machine as its first.",
        discussion: """
            Makes the cluster's authority and an administrator's profile; gives etcd logins, so that each machine may write its \
            own keys only; makes this machine the first of the cluster and starts its agent; and prints the commands with which \
            others join, a manager's and a worker's. Done again, it completes what is missing and changes nothing else. Of settings that \
            are in \(MembershipSettings.standardFile) it replaces those that come with the cluster, drops insecure and a \
            certificate for etcd, and leaves the other lines.

            etcd has to ask its callers for certificates: whoever reaches one that does not can make himself root on every \
            machine. --offline makes the authority, 'cluster certificate etcd' what etcd needs, and the second call the cluster.

            EXAMPLES:
              cluster-manager cluster init --offline
              cluster-manager cluster init --etcd-endpoints https://10.0.0.1:2379
              cluster-manager cluster init --name lab \\
                  --etcd-endpoints https://10.0.0.1:2379 --etcd-ca-file etcd-ca.pem \\
                  --etcd-root-password-file /root/etcd-root
            """)

    @Option(help: ArgumentHelp("The cluster's name; clusters can share an etcd.", valueName: "name")) var name =
        "default"
    @OptionGroup var authority: AuthorityOptions
    @Option(
        name: .customLong("etcd-root-password-file"),
        help: ArgumentHelp(
            "Password of etcd's root user, where it has one already; otherwise one is made.", valueName: "file"),
        completion: .file())
    var rootPasswordFile: String?
    @Option(
        help: ArgumentHelp("This machine's address (default: the one that leads towards etcd).", valueName: "address"))
    var address: String?
    @Option(
        help: ArgumentHelp(
            "An endpoint for the administrator's profile, instead of this machine's.", valueName: "address"))
    var api: [String] = []
    @Option(
        help: ArgumentHelp(
            "What this machine does; without agent it runs no units.", valueName: "role,..."))
    var roles = "agent,engine,api"
    @Flag(name: .customLong("no-machine"), help: "Do not make this machine one of the cluster.") var noMachine = false
    @Flag(
        name: .customLong("offline"),
        help: "Make only the authority and the profile; etcd and the machine come with the next call.")
    var offlineOnly = false
    @Flag(
        name: .customLong("allow-open-store"),
        help: "Take an etcd that takes anybody; every --status will say that it does.")
    var allowsOpenStore = false
    @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

    func run(on console: Console) async throws {
        try await offline { try await initialize(console) }
    }

    private var machineRoles: Set<String> { Set(roles.split(separator: ",").map(String.init)) }

    private func initialize(_ console: Console) async throws {
        let format = try global.format()
        // For people each step has said what it did.
        func tell(_ deed: Deed) throws {
            if format == .json { console.output.write(try JSONOutput.text(deed)) }
        }
        // Others join by its API, and until they have nobody else decides.
        guard machineRoles.isSuperset(of: ["engine", "api"]), machineRoles.isSubset(of: AuthorityDesk.allRoles) else {
            throw ClusterManagerError(
                .usage,
                "'\(roles)' are no roles of a cluster's first machine: engine and api, and agent if it is to run units")
        }
        if !offlineOnly { try await checkStore(console) }
        let folder = authority.folder
        let hadAuthority = folder.exists
        if !hadAuthority {
            guard let cluster = ClusterName(name) else {
                throw ClusterManagerError(
                    .usage, "'\(name)' is no cluster's name: 1 to 63 lower-case letters, digits and inner hyphens")
            }
            let made = try CertificateAuthority(cluster: cluster.rawValue, now: Date())
            try folder.store(made, bundle: made.trust)
            // Now, so that a copy of the folder has it.
            _ = try folder.storeAuthority(now: Date())
            console.errors.line("made the authority of cluster \(cluster) in \(folder.path)")
        }
        let signer = try folder.authority()
        let address = try address ?? LocalAddress.towards(authority.etcdEndpoints)
        let endpoints = api.isEmpty ? address.map { ["tls:\($0):\(MembershipSettings.standardPort)"] } ?? [] : api
        let (profile, isNews) = try administrator(signer, endpoints, console)
        var deed = Deed(done: "init", cluster: signer.cluster, user: profile.user, profile: profile.name)
        guard !offlineOnly else {
            if hadAuthority, !isNews {
                console.errors.line(
                    "cluster \(signer.cluster) has its authority in \(folder.path) and its administrator's profile already"
                )
            }
            return try tell(deed)
        }
        let (desk, access) = try authority.desk(rootPassword: try await rootPassword())
        try await access.prepare()
        try await desk.publish(signer: nil)
        if try await desk.registry.userIdentities().users.first(where: { $0.name == profile.user }) == nil {
            // As old as the authority, for the profile may have been made long before etcd was there.
            let made = try CertificateInfo(pem: signer.certificatePEM).notBefore
            try await desk.registry.addUser(
                UserIdentity(
                    name: profile.user, role: .admin, createdAt: AuthorityDesk.moment(made),
                    addedAt: AuthorityDesk.moment(Date())))
        }
        console.errors.line("etcd asks everybody for a login; cluster \(signer.cluster) has its own part of it")
        guard !noMachine else { return try tell(deed) }
        guard let address else {
            throw ClusterManagerError(
                .usage, "no route leads to etcd, so this machine's address is unknown; name it with --address")
        }
        try await admitThisMachine(desk, address, console)
        deed.machine = LocalMachine.id
        deed.joins = try await makeTokens(desk, signer, address, console, format)
        try tell(deed)
        try ExternalProgram("systemctl", ["enable", "--now", "node-agent.service"]).become()
    }

    /// Refuses, before anything is made, an etcd that other machines cannot reach, and one that strangers can unless that was
    /// asked for by name.
    private func checkStore(_ console: Console) async throws {
        if !noMachine, let route = try LocalAddress.towards(authority.etcdEndpoints), LocalAddress.isLoopback(route) {
            throw ClusterManagerError(
                .usage,
                "etcd at \(authority.etcdEndpoints) can be reached from this machine alone; name it by an address that "
                    + "all machines reach: --etcd-endpoints https://ADDRESS:2379")
        }
        // What a command shows etcd is signed by an authority that may not be there yet; strangers show nothing.
        let configuration =
            try authority.folder.exists ? authority.configuration().checked() : authority.strangers.checked()
        let http = HTTPClient()
        for endpoint in configuration.endpoints {
            let found = await StoreOpenness.of(
                endpoint, showing: configuration.tls, by: http, within: configuration.requestTimeout)
            if found.takesStrangers == nil, !allowsOpenStore {
                throw ClusterManagerError(
                    .unreachable, "etcd at \(endpoint) cannot be asked whether it takes strangers; does it run there?",
                    isTransient: true)
            }
            guard found.isPlain || found.takesStrangers == true else { continue }
            let what =
                "etcd at \(endpoint) \(found.isPlain ? "speaks without TLS" : "asks its callers for no certificate")"
            guard allowsOpenStore else {
                throw ClusterManagerError(
                    .refused,
                    "\(what), so whoever reaches it can make himself root on every machine; close it as 'cluster-manager "
                        + "cluster certificate --help' shows, or say --allow-open-store")
            }
            console.errors.line("warning: \(what): whoever reaches it can make himself root on every machine")
        }
    }

    /// The password with which this logs in as etcd's root, which is in the authority's folder from now on.
    func rootPassword() async throws -> String {
        let folder = authority.folder
        if let rootPasswordFile {
            let password = try PasswordFile.password(inFile: rootPasswordFile)
            if let kept = try await keptPassword(not: password) { return kept }
            // Where it is kept already it may have a successor, which etcd may yet get.
            if try folder.etcdPassword() != password { try folder.storeEtcdPassword(password) }
            return password
        }
        if let known = try folder.etcdPassword() { return try await keptPassword(not: known) ?? known }
        let password = StoreAccess.randomPassword()
        // Kept before etcd is told: a password that nobody knows would lock everybody out.
        try folder.storeEtcdPassword(password)
        return password
    }

    /// The password in the authority's folder, when it is not `other` and counts.
    ///
    /// It may have been made since, and stands nowhere else; so may its successor, whose change broke off.
    private func keptPassword(not other: String) async throws -> String? {
        let passwords = authority.folder.etcdPasswords
        if let known = try passwords.present(), known != other, try await counts(known) { return known }
        guard let next = try passwords.next(), try await counts(next) else { return nil }
        try passwords.takeNext()
        return next
    }

    private func counts(_ password: String) async throws -> Bool {
        try await authority.desk(rootPassword: password).access.takesRootPassword(password)
    }

    /// The administrator's profile, made once, and whether there was anything to make or to change, which has been said.
    private func administrator(
        _ signer: CertificateAuthority, _ endpoints: [String], _ console: Console
    ) throws -> (profile: Profile, isNews: Bool) {
        let store = ProfileStore(environment: ProcessInfo.processInfo.environment)
        if store.names.contains(signer.cluster) {
            var profile = try store.profile(signer.cluster)
            guard !endpoints.isEmpty, profile.endpoints != endpoints else { return (profile, false) }
            profile.endpoints = endpoints
            try store.store(profile, replacing: true)
            console.errors.line("the profile \(profile.name) leads to \(endpoints.joined(separator: ", ")) now")
            return (profile, true)
        }
        let key = KeyPair()
        let certificate = try signer.issue(
            try CertificateRequest(pem: try key.request(name: "user:admin")), for: .user("admin"), now: Date())
        let profile = Profile(
            name: signer.cluster, cluster: signer.cluster, endpoints: endpoints, user: "admin",
            authorities: try authority.folder.bundle().pem, certificate: certificate, key: key.pem)
        try store.store(profile)
        console.errors.line("made the administrator's profile \(store.file(of: profile.name))")
        return (profile, true)
    }

    private func admitThisMachine(_ desk: AuthorityDesk, _ address: String, _ console: Console) async throws {
        let folder = MachineFolder()
        guard !folder.exists else { return }
        guard let text = LocalMachine.id, let id = MachineID(text), !id.isNull else {
            throw ClusterManagerError(.usage, "this machine has no id in /etc/machine-id; run systemd-machine-id-setup")
        }
        let former = try IdentityFile.present(MembershipSettings.standardFile)
        let roles = machineRoles
        let key = KeyPair()
        let membership = try await desk.admit(
            AuthorityDesk.Admission(machine: id, name: LocalAddress.hostName, addresses: [address], roles: roles),
            request: try key.request(name: "machine:\(id.rawValue)"), now: Date(), mayReplace: true)
        let settings = MembershipSettings(
            cluster: desk.registry.keys.cluster.rawValue, address: address, apiPort: MembershipSettings.standardPort,
            roles: roles.sorted(), metadata: [:], etcdEndpoints: desk.etcdEndpoints, etcdUser: membership.login?.user,
            hasForeignEtcd: desk.etcdAuthorities != nil, folder: folder)
        try IdentityFile.makeFolder(folder.path)
        if let foreign = desk.etcdAuthorities {
            try IdentityFile.write(foreign, to: folder.etcdAuthoritiesFile, mode: IdentityFile.publicMode)
        }
        try IdentityFile.makeFolder("/etc/flotilla", mode: 0o755, tightens: false)
        try IdentityFile.write(
            try settings.text(keeping: former), toNamed: MembershipSettings.standardFile, mode: IdentityFile.publicMode)
        try folder.store(
            key: key, certificate: membership.certificate, authorities: membership.authorities,
            etcdPassword: membership.login?.password, etcdCertificate: membership.etcdCertificate)
        console.errors.line("this machine, \(id.short), is the first of the cluster")
    }

    /// Makes a token of each kind, and prints for people the commands that use them, the manager's first.
    private func makeTokens(
        _ desk: AuthorityDesk, _ signer: CertificateAuthority, _ address: String, _ console: Console,
        _ format: OutputFormat
    ) async throws -> [Deed.Join] {
        console.output.keepPrivate()
        var joins: [Deed.Join] = []
        let now = AuthorityDesk.moment(Date())
        let endpoint = "tls:\(address.contains(":") ? "[\(address)]" : address):\(MembershipSettings.standardPort)"
        for kind in MachineKind.allCases {
            let token = JoinToken(fingerprint: signer.fingerprint)
            try await desk.registry.addToken(
                TokenEntry(
                    id: token.id, hash: token.secretHash, expiresAt: now + 3_600_000, usesLeft: 100,
                    roles: kind.roles, createdBy: "cluster init", createdAt: now))
            let command = Self.joinCommand(kind, endpoint, token.text)
            joins.append(Deed.Join(kind: kind.rawValue, endpoint: endpoint, token: token.text, command: command))
            guard format == .table else { continue }
            console.errors.line("on each other \(kind), as root and within the hour (\(kind.rights)):")
            console.output.line(command)
        }
        return joins
    }

    /// The command that joins a machine; its comment tells it from the other kind's where only the output is kept.
    static func joinCommand(_ kind: MachineKind, _ endpoint: String, _ token: String) -> String {
        "node-agent join \(endpoint) \(token)  # \(kind)"
    }
}
