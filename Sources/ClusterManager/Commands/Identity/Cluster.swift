// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Authority
import Etcd
import FleetAPI
import FleetAPIClient
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Registry

/// `cluster`: the cluster itself: its authority, and what only whoever has that may do.
struct Cluster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a secured cluster, and look after its authority.",
        discussion: """
            The authority is a key with which the cluster signs who belongs to it; it lies in \(AuthorityFolder.standard) on the \
            machine where the cluster was made. Keep a copy of that folder somewhere safe: without it nobody new can join and \
            no certificate is renewed; whoever else has it is master of the cluster.

            EXAMPLES:
              cluster-manager cluster init --etcd-endpoints https://10.0.0.1:2379
              cluster-manager cluster ca rotate
            """,
        subcommands: [
            ClusterInit.self, ClusterAdmit.self, ClusterCertificate.self, ClusterAuthority.self, ClusterStore.self,
            ClusterAdopt.self,
        ])
}

/// Where the authority is and how it reaches etcd; options of the commands that work without the API.
struct AuthorityOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Folder of the authority.", valueName: "folder"), completion: .directory)
    var directory = AuthorityFolder.standard

    @Option(
        name: .customLong("etcd-endpoints"),
        help: ArgumentHelp("etcd's client addresses, comma-separated URLs.", valueName: "url,..."))
    var etcdEndpoints = "http://127.0.0.1:2379"

    @Option(
        name: .customLong("etcd-ca-file"),
        help: ArgumentHelp("Who signed etcd's certificates, PEM.", valueName: "file"), completion: .file())
    var etcdAuthorities: String?

    @Option(
        name: .customLong("etcd-cert-file"),
        help: ArgumentHelp(
            "Certificate to show an etcd that trusts another authority, PEM, without a common name (CN).",
            valueName: "file"), completion: .file())
    var etcdCertificate: String?

    @Option(
        name: .customLong("etcd-key-file"),
        help: ArgumentHelp("Key of that certificate.", valueName: "file"), completion: .file())
    var etcdKey: String?

    var folder: AuthorityFolder { AuthorityFolder(path: directory) }

    /// The desk at the authority's folder, with etcd's root user.
    func desk(rootPassword: String) throws -> (desk: AuthorityDesk, access: StoreAccess) {
        let cluster = try folder.cluster()
        guard let name = ClusterName(cluster) else {
            throw ClusterManagerError(.usage, "\(folder.clusterFile) does not hold a cluster's name")
        }
        let configuration = try configuration().checked()
        let access = try StoreAccess(configuration, rootPassword: rootPassword, cluster: name)
        let registry = ClusterRegistry(store: access.etcd, cluster: name)
        let foreign: String? = try etcdAuthorities.flatMap { file in
            let text = try IdentityFile.read(file)
            return try TrustBundle(pem: text).fingerprints == folder.bundle().fingerprints ? nil : text
        }
        let desk = AuthorityDesk(
            folder: folder, registry: registry, access: access, etcdEndpoints: configuration.endpoints,
            etcdAuthorities: foreign)
        return (desk, access)
    }

    /// Where etcd is, for who has nothing to show.
    var strangers: EtcdConfiguration {
        EtcdConfiguration(endpoints: etcdEndpoints.split(separator: ",").map(String.init))
    }

    /// Where etcd is, and what this command shows it: what the authority signs for the occasion, unless files are named.
    func configuration() throws -> EtcdConfiguration {
        var configuration = strangers
        let files = [etcdAuthorities, etcdCertificate, etcdKey]
        guard
            files.contains(where: { $0 != nil }) || configuration.endpoints.contains(where: { $0.hasPrefix("https:") })
        else { return configuration }
        var tls = try folder.storeAccess(now: Date())
        if let etcdAuthorities { (tls.authorities, tls.authorityFile) = (nil, etcdAuthorities) }
        if etcdCertificate != nil || etcdKey != nil {
            (tls.certificate, tls.certificateFile) = (nil, etcdCertificate)
            (tls.key, tls.keyFile) = (nil, etcdKey)
        }
        configuration.tls = tls
        return configuration
    }

    func knownPassword() throws -> String {
        guard let password = try folder.etcdPassword() else {
            throw ClusterManagerError(
                .usage, "the authority in \(directory) has no login at etcd; run cluster-manager cluster init first")
        }
        return password
    }
}

/// Refuses `-` for a folder: where a file is named it is a stream, and no stream takes several files.
private func checkFolder(_ out: String) throws {
    if out == "-" { throw ValidationError("--out names a folder for several files, so it cannot be -") }
}

/// Puts what goes wrong offline into this program's words.
func offline<Answer>(_ work: () async throws -> Answer) async throws -> Answer {
    do {
        return try await work()
    } catch let error as ClusterManagerError {
        throw error
    } catch let error as IdentityError {
        throw ClusterManagerError(.usage, error.message)
    } catch let error as AuthorityError {
        throw ClusterManagerError(.refused, error.description)
    } catch let error as EtcdError {
        throw ClusterManagerError(.unreachable, error.message, isTransient: error.isTransient)
    } catch let error as RegistryError {
        throw ClusterManagerError(.refused, error.message, isTransient: error.isTransient)
    }
}

/// `cluster admit`: joins a machine without a token, from where the authority is.
struct ClusterAdmit: LocalCommand {
    static let configuration = CommandConfiguration(
        commandName: "admit",
        abstract: "Write the identity of a machine into a folder, to be brought to it by hand.",
        usage: """
            cluster-manager cluster admit [<options>] <machine>
                --kind <kind> --name <name> --out <folder>
            """,
        discussion: """
            For machines that are made from images or cannot reach the authority; others join with a token. The folder holds \
            the machine's key: hand it on as you would a password, to \(MachineFolder.standard) on the machine. A worker runs \
            units and decides nothing (role agent, which its settings have to name, as they do the managers through which it uses \
            etcd: store-gates); a manager decides and answers the API, \
            too (roles agent, engine and api), so whoever steals one can do everything in the cluster.

            EXAMPLES:
              cluster-manager cluster admit 9f2c4e1a... --kind worker \\
                  --name web-1 --address 10.0.0.7 --out ./web-1
            """)

    @Argument(help: ArgumentHelp("The machine's id, 32 hexadecimal digits.", valueName: "machine")) var machine: String
    @Option(help: ArgumentHelp("Its host name.", valueName: "name")) var name: String
    @Option(help: ArgumentHelp("Address of its API; may be given several times.", valueName: "address"))
    var address: [String] = []
    @OptionGroup var kind: KindOptions
    @Flag(help: "Give a worker a login and a certificate for etcd, too; by itself it goes through managers.")
    var withEtcd = false
    @Option(help: ArgumentHelp("Folder for its identity.", valueName: "folder"), completion: .directory)
    var out: String
    @OptionGroup var authority: AuthorityOptions
    @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

    func validate() throws { try checkFolder(out) }

    func run(on console: Console) async throws {
        let format = try global.format()
        try await offline {
            guard let id = MachineID(machine), Principal.isMachineID(machine) else {
                throw ClusterManagerError(
                    .usage, "'\(machine)' is no machine id; it is in /etc/machine-id of the machine")
            }
            let roles = Set(try kind.chosenRoles(for: "an admission"))
            let (desk, _) = try authority.desk(rootPassword: try authority.knownPassword())
            let key = KeyPair()
            let usesGates = roles == MachineKind.worker.roles && !withEtcd
            let membership = try await desk.admit(
                AuthorityDesk.Admission(
                    machine: id, name: name, addresses: address, roles: roles, usesGates: usesGates),
                request: try key.request(name: "machine:\(machine)"), now: Date(), mayReplace: true)
            try MachineFolder(path: out).store(
                key: key, certificate: membership.certificate, authorities: membership.authorities,
                etcdPassword: membership.login?.password, etcdCertificate: membership.etcdCertificate)
            var words = "wrote the identity of machine \(machine) to \(out)"
            if usesGates {
                let gates = await desk.gates()
                words +=
                    "\nit has no login at etcd; its settings need FLOTILLA_ROLES=agent and FLOTILLA_STORE_GATES="
                    + (gates.isEmpty ? "tls:ADDRESS:PORT of the managers" : gates.joined(separator: ","))
            }
            try console.tell(
                words,
                Deed(done: "admit", cluster: desk.registry.keys.cluster.rawValue, machine: machine, folder: out),
                as: format)
        }
    }
}

/// `cluster certificate`: for servers that are no machines of the cluster.
struct ClusterCertificate: LocalCommand {
    static let configuration = CommandConfiguration(
        commandName: "certificate",
        abstract: "Sign a certificate for etcd, or for another server that is no machine of the cluster.",
        usage: """
            cluster-manager cluster certificate [<options>] <name>
                --address <address> ... --out <folder>
            """,
        discussion: """
            Writes certificate.pem and key.pem. For 'etcd' it also writes clients.pem, with whom etcd is to believe, and \
            etcd.env, etcd's settings by which it takes members of the cluster alone: its clients and its peers show \
            certificates, and nobody else gets in. etcd reads a renewed certificate by itself. Each of three members gets \
            files of its own. etcd's user has to own them, and Debian's etcd reads its settings from /etc/default/etcd.

            EXAMPLES:
              cluster-manager cluster init --offline
              cluster-manager cluster certificate etcd --address 10.0.0.1 \\
                  --out /etc/etcd/tls
            """)

    @Argument(help: ArgumentHelp("Name of the server; etcd is the cluster's store.", valueName: "name")) var name:
        String
    @Option(help: ArgumentHelp("Where it is reached; may be given several times.", valueName: "address"))
    var address: [String]
    @Option(help: ArgumentHelp("Folder for both files.", valueName: "folder"), completion: .directory) var out: String
    @Option(help: ArgumentHelp("How long it is good.", valueName: "time")) var life = "365d"
    @Option(help: ArgumentHelp("Folder of the authority.", valueName: "folder"), completion: .directory)
    var directory = AuthorityFolder.standard
    @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

    func validate() throws { try checkFolder(out) }

    func run(on console: Console) async throws {
        let format = try global.format()
        try await offline {
            guard Principal.isName(name) else { throw ClusterManagerError(.usage, "'\(name)' is no server's name") }
            let folder = AuthorityFolder(path: directory)
            guard name != Self.storeName else { return try makeStoreMember(folder, console, format) }
            let key = KeyPair()
            let pem = try folder.chain(
                try folder.authority().issueServer(
                    try CertificateRequest(pem: try key.request(name: name)), name: name, addresses: address,
                    now: Date(), life: TimeInterval(try Period.seconds(life))))
            try IdentityFile.makeFolder(out, tightens: false)
            try IdentityFile.write(key.pem, toNamed: out + "/key.pem", mode: IdentityFile.secretMode)
            try IdentityFile.write(pem, toNamed: out + "/certificate.pem", mode: IdentityFile.publicMode)
            try console.tell(
                "wrote \(out)/certificate.pem and \(out)/key.pem",
                Deed(
                    done: "certificate", server: name, folder: out,
                    files: ["certificate.pem", "key.pem"].map { "\(out)/\($0)" }),
                as: format)
        }
    }

    private static let storeName = "etcd"

    private func makeStoreMember(_ authority: AuthorityFolder, _ console: Console, _ format: OutputFormat) throws {
        // etcd's own folder is another than this command's.
        let folder = out.hasPrefix("/") ? out : FileManager.default.currentDirectoryPath + "/" + out
        let files = StoreMemberFiles(folder: folder)
        try files.make(by: authority, addresses: address, now: Date(), life: TimeInterval(try Period.seconds(life)))
        try console.tell(
            "wrote certificate.pem, key.pem, clients.pem and etcd.env to \(folder)",
            Deed(
                done: "certificate", server: name, folder: folder,
                files: [files.certificateFile, files.keyFile, files.clientsFile, files.settingsFile]),
            as: format)
        console.errors.line(
            "\(files.settingsFile) has the settings with which etcd takes members of the cluster alone; its URLs begin with "
                + "https then, and its user must be able to read the folder")
    }
}

/// `cluster ca`: the authority of a running cluster.
struct ClusterAuthority: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "Show the cluster's authority, and put another in its place.",
        discussion: """
            EXAMPLES:
              cluster-manager cluster ca show
              cluster-manager cluster ca rotate
              cluster-manager cluster ca rotate --finish
            """,
        subcommands: [Show.self, Rotate.self])

    private static func render(_ authorities: API.Authorities, in context: CommandContext) throws {
        let bundle: TrustBundle
        do { bundle = try TrustBundle(pem: authorities.authorities) } catch {
            throw ClusterManagerError(.protocolViolation, error.message)
        }
        if context.format == .json {
            return context.console.output.write(
                try JSONOutput.text(["cluster": [authorities.cluster], "fingerprints": bundle.fingerprints]))
        }
        context.console.output.line("cluster \(authorities.cluster)")
        for (index, fingerprint) in bundle.fingerprints.enumerated() {
            let role = index == bundle.fingerprints.count - 1 ? "signs" : "is believed until the rotation is finished"
            context.console.output.line("\(fingerprint)  \(role)")
        }
    }

    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show whom the cluster's members believe.",
            discussion: """
                EXAMPLES:
                  cluster-manager cluster ca show
                """)

        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let client = try context.client()
            try ClusterAuthority.render(
                try await asked { () async throws(APIError) in try await client.authorities() }, in: context)
        }
    }

    struct Rotate: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin to put a new authority in the place of the old one, or finish it.",
            discussion: """
                After the first step both are believed, and every machine takes a new certificate by itself within a minute. \
                Then each user takes a new one ('profile renew') and etcd gets one ('cluster certificate'), and --finish \
                ends belief in the old authority.

                EXAMPLES:
                  cluster-manager cluster ca rotate
                  cluster-manager cluster ca rotate --finish
                """)

        @Flag(help: "End belief in the old authority.") var finish = false
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let client = try context.client()
            let step = finish ? "finish" : "begin"
            try ClusterAuthority.render(
                try await asked { () async throws(APIError) in try await client.rotateAuthority(step) }, in: context)
        }
    }
}
