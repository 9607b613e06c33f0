// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import HTTPTransport
package import Logging
import Registry
import Systemd
import Timing

/// The daemon: its parts, put together by role, and the order in which they begin and end.
package struct NodeAgentProgram: Sendable {
    /// Version that machines and the API report.
    package static let version = FlotillaVersion.current

    private let settings: AgentSettings
    private let logger: Logger
    private let executable: String

    /// - Parameters:
    ///   - settings: Read and checked.
    ///   - executable: Absolute path of this program, for the guard's unit.
    ///   - logger: Receives what an operator wants to know.
    package init(settings: AgentSettings, executable: String, logger: Logger) {
        self.settings = settings
        self.executable = executable
        self.logger = logger
    }

    /// Runs until `stop` says to end, or a part cannot go on.
    package func run(stop: AsyncStream<Void>) async throws {
        let identity = try HostIdentity(machineIDFile: self.settings.machineIDFile)
        let settings = try self.settings.showingOwnCertificate.throughGates(as: identity.id)
        let logger = labelled(identity.id)
        let publicAddress = PublicAddress(configured: settings.publicIP, endpoints: settings.etcd.endpoints)
        let address = try publicAddress.find().address
        try HostFiles.makeFolder(settings.runtimeDirectory)
        let sessionFile = SessionFile(runtimeDirectory: settings.runtimeDirectory)
        let clockwork = MachineClockwork()
        var saved = sessionFile.load(bootID: identity.bootID, clockwork: clockwork)

        var etcdSettings = settings.etcd
        etcdSettings.expectedClusterID = saved.storeID
        etcdSettings.expectedRevision = saved.expectedRevision
        // A key that every agent may read, also where etcd gives each machine rights to its own keys alone.
        etcdSettings.historyKey = RegistryKeys(cluster: settings.cluster).mark
        // Several watches break together; one word is enough.
        let (losses, lossInbox) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        etcdSettings.onBrokenWatch = { lossInbox.yield() }
        let etcd = try EtcdClient(etcdSettings, logger: logger)
        // The session has connections and a thread of its own: a heavy load elsewhere must not delay a renewal.
        let sessionEtcd = try EtcdClient(etcdSettings, sameStoreAs: etcd, logger: logger)
        var gateSettings = settings.etcd
        gateSettings.answerLimit = StoreGate.answerLimit
        let gateEtcd = try EtcdClient(gateSettings, logger: logger)
        let renewalEtcd = try EtcdClient(gateSettings, logger: logger)
        let registry = ClusterRegistry(store: etcd, cluster: settings.cluster)
        let security = try Security(settings, machine: identity.id, registry: registry, logger: logger)
        if security == nil { warnOfOpenness(logger) }
        let login = security.flatMap {
            OwnLogin(
                folder: $0.own.folder, user: StoreAccess.user(of: identity.id, in: settings.cluster),
                configuration: settings.etcd, clients: [etcd, sessionEtcd, gateEtcd, renewalEtcd])
        }

        let searchFolder = settings.usesUserManager ? Self.userSearchFolder() : "/run/systemd/system"
        let units = try SystemdManager(
            endpoints: settings.usesUserManager ? BusEndpoint.user() : BusEndpoint.system(), logger: logger)
        try await units.connect()
        let guardControl = GuardControl(
            units: units, searchFolder: searchFolder, runtimeDirectory: settings.runtimeDirectory,
            executable: executable,
            isEnabled: settings.isGuarded && !settings.usesUserManager && settings.roles.contains(.agent),
            logger: logger)
        if try await !guardControl.prepare(), saved.sessionLease != nil {
            // It died, and the former run did not live to notice: that run's units are dead, and started anew.
            saved.mustFence = true
            try sessionFile.store(saved)
        }
        let folder = UnitFolder(
            folder: settings.runtimeDirectory + "/units", searchFolder: searchFolder,
            searchPath: settings.usesUserManager ? [] : UnitLinks.systemSearchPath,
            dropIns: UnitDropIns(isGuarded: guardControl.isEnabled, agentService: OwnService.name))
        try await folder.prepare()
        // Not waited for: the target comes after this service, which is not ready yet. And once in a boot: a start would wait for
        // units that are being stopped, and other units for it.
        if let target = await folder.target, try await units.listUnits(names: [target]).first?.active != "active" {
            _ = try await units.queue(.start, target, mode: .replace)
        }

        let (troubles, troubleInbox) = AsyncStream<AgentNews>.makeStream()
        let agent = AgentShell(
            registry: registry, units: units, folder: folder, processes: GroupProcesses(tree: .ofThisMachine()),
            machine: identity.id, guardControl: guardControl,
            troubleHooks: AgentShell.TroubleHooks(
                announce: { troubleInbox.yield(.trouble($0)) }, giveUp: { troubleInbox.yield(.patienceEnded) }),
            clockwork: clockwork, logger: logger)
        let roles = settings.roles
        let record = MachineRecord(
            id: identity.id, name: settings.machineName.isEmpty ? identity.hostName : settings.machineName,
            address: address, metadata: settings.metadata, capacity: identity.capacity, version: Self.version,
            apiAddress: Self.networkAddress(settings.apiListen), bootID: identity.bootID, token: saved.token,
            trouble: settings.isInsecure ? Self.insecureTrouble : "")
        let sessionRegistry = ClusterRegistry(store: sessionEtcd, cluster: settings.cluster)
        let roster = RosterFile(runtimeDirectory: settings.runtimeDirectory)
        let peers = Peers(
            registry: registry, machine: identity.id, caller: security.map { PeerCalls(tls: $0.own.tls) },
            roster: roster,
            clockwork: clockwork)
        let (surrenders, surrender) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let election = ElectionShell(
            registry: registry, machine: identity.id, lossWindow: .seconds(settings.sessionTTL),
            handover: LeadHandover(
                askPeers: { await peers.resign($0, within: .seconds(settings.sessionTTL) / 2) },
                leave: { surrender.yield() }, status: { Notifier.status($0) }),
            clockwork: clockwork, logger: logger)
        // Others adopt, too, and are not there yet: a leader that began before them would take their units over.
        let patience = saved.hasAdopted == true ? Duration.seconds(Self.adoptionSessions * settings.sessionTTL) : .zero
        let session = SessionShell(
            registry: sessionRegistry, etcd: sessionEtcd, record: record, saved: saved, file: sessionFile,
            ttl: settings.sessionTTL, guardControl: guardControl, peers: peers,
            hooks: SessionShell.Hooks(
                enter: { tenure in
                    if roles.contains(.agent) { await agent.enter(tenure) }
                    if roles.contains(.engine) { await election.sessionEntered(tenure.lease, after: patience) }
                },
                fence: { kill in
                    await election.sessionLeft()
                    await agent.fence(kill: kill)
                },
                status: { Notifier.status($0) }, holdsUnits: { await agent.holdsUnits() }),
            clockwork: clockwork, logger: logger)

        // The first record says it already: a machine that cannot take units is to be given none between two looks.
        if roles.contains(.agent) {
            await agent.lookAtStorage(isFirst: true)
            await session.announce(agentTrouble: await agent.trouble.words)
        }
        let access = RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry))
        let tls = security?.own.tls
        let journals = JournalSources(
            machine: identity.id, local: LocalJournal(machine: identity.id, isUser: settings.usesUserManager),
            remote: { RemoteJournal($0, tls: tls) })
        let storeWatch = StoreWatch(settings.etcd, isInsecure: security == nil, logger: logger)
        let routes = ServedRoutes(
            peers: PeerRoutes(registry: registry) { await session.noQuorumAge(of: $0) },
            identities: security?.routes,
            journals: JournalRoutes(access: access, sources: journals),
            operators: OperatorRoutes(
                registry: registry, access: access, machine: identity.id, units: units, tls: tls,
                reboot: { () async throws(SystemdError) in try await units.reboot() }),
            operations: OperationRoutes(registry: registry, access: access),
            stores: StoreRoutes(
                question: StoreQuestion(
                    file: sessionFile, folder: folder, etcd: settings.etcd, cluster: settings.cluster,
                    machine: identity.id, name: record.name, login: login),
                roster: roster, tls: tls),
            // Without identities nobody could say whose requests come, and everybody has etcd.
            gate: security.map { security in
                StoreGate(
                    etcd: gateEtcd, renewals: renewalEtcd, registry: registry, clockwork: clockwork,
                    front: { await security.view.machine($0)?.leaseFront })
            },
            openness: storeWatch)
        let server = FleetAPIServer(
            access: access, listeners: settings.apiListen, version: Self.version, allowsRemote: settings.isInsecure,
            identity: security?.own.server,
            recognition: security?.recognition ?? OpenDoor(plain: settings.isInsecure ? .everything : .nothing),
            audit: security?.audit,
            extraRoutes: routes.all, logger: logger,
            whenPresent: { await Self.untilPresent($0, publicAddress) })
        let apiAddress = record.apiAddress
        Notifier.ready(status: "joining the cluster \(settings.cluster)")
        logger.info("agent started", metadata: ["machine.address": "\(address)", "agent.version": "\(Self.version)"])

        let revocation = Revocation()
        let held = HeldSession {
            await session.run()
            // A session that ends by itself, as when another store is adopted, ends the program in the same order.
            await election.stop()
            await agent.endTenure()
        }
        try await held.beside { group in
            if roles.contains(.engine) {
                group.addTask {
                    await election.run()
                    // It ends first of all when the machine leaves; units and session are still to be ended then.
                    while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
                }
            }
            group.addTask {
                for await _ in surrenders { await session.surrender() }
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            }
            if roles.contains(.api) { group.addTask { try await server.run() } }
            group.addTask {
                for await _ in losses { await session.connectionLost() }
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            }
            group.addTask { await Self.feedWatchdog(session) }
            // A machine that goes through gates does not reach etcd, and they look themselves.
            if settings.storeGates.isEmpty { group.addTask { await storeWatch.run() } }
            group.addTask {
                for await news in troubles {
                    switch news {
                    case .trouble(let words): await session.announce(agentTrouble: words)
                    case .patienceEnded: await session.giveUp()
                    }
                }
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            }
            group.addTask { await Self.followAddress(publicAddress, listeners: settings.apiListen, session) }
            group.addTask {
                await peers.follow()
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            }
            if let security {
                group.addTask {
                    await security.keepUpToDate(
                        apiAddress: apiAddress,
                        addresses: { (try? publicAddress.find().address).map { [$0] } ?? [address] },
                        clockError: { etcd.clockError ?? 0 }, login: login)
                    while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
                }
                group.addTask {
                    await security.untilRevoked()
                    guard !Task.isCancelled else { return }
                    Notifier.stopping(status: "revoked: leaving the cluster")
                    await election.stop()
                    if roles.contains(.agent) {
                        await session.prepareToLeave()
                        await agent.stopAll(within: Security.leaveBudget)
                    }
                    revocation.note()
                    await session.stop()
                    // The session's own task ends the program when the lease is revoked; this only bounds that.
                    try? await Task.sleep(for: .seconds(5))
                }
            }
            group.addTask {
                for await _ in stop {
                    let reason = await OwnService(units: units).stopReason()
                    logger.info("agent stops", metadata: ["agent.stop": "\(reason)"])
                    Notifier.stopping(status: "stopping")
                    await election.stop()
                    if reason == .leave, roles.contains(.agent) {
                        await session.prepareToLeave()
                        await agent.stopAll(within: Self.leaveBudget)
                        await session.stop()
                        // The session's own task ends the program when the lease is revoked; this only bounds that.
                        try? await Task.sleep(for: .seconds(5))
                    }
                    await agent.endTenure()
                    return
                }
            }
        }
        await units.close()
        if revocation.isNoted { throw RevokedError() }
    }

    /// What lists of machines and every status say of a machine that was told to ask nobody for a proof.
    private static let insecureTrouble =
        "insecure is on, so whoever reaches its plain TCP addresses may run anything on every machine; turn it off and "
        + "restart its agent"

    private func warnOfOpenness(_ logger: Logger) {
        if settings.isInsecure {
            logger.warning("insecure: everybody who reaches the API's addresses may run anything on every machine")
        } else {
            logger.warning(
                "this machine has no certificate, so etcd's users are all that guards the cluster; to secure it: cluster-manager cluster init --help"
            )
        }
    }

    private func labelled(_ machine: MachineID) -> Logger {
        var logger = logger
        logger[metadataKey: "machine.id"] = "\(machine.short)"
        return logger
    }

    /// How to end.
    package enum StopReason: String, Sendable {
        /// The machine leaves: its units stop, its session ends at once, and others take over.
        case leave
        /// The agent restarts or is upgraded: no unit is touched, the session waits for the next run.
        case restart
    }

    /// How many lifetimes of a session agents that have adopted another store wait for one another before one of them leads.
    private static let adoptionSessions = 3

    /// How long units have to stop by themselves when the machine leaves.
    private static let leaveBudget = Duration.seconds(60)

    /// How often it is looked whether the machine has other addresses; it asks the kernel alone.
    private static let addressCheck = Duration.seconds(2)

    /// Announces another address as soon as this machine has one, until cancelled.
    private static func followAddress(_ publicAddress: PublicAddress, listeners: [APIEndpoint], _ session: SessionShell)
        async
    {
        while !Task.isCancelled {
            try? await Task.sleep(for: addressCheck)
            // Without any route etcd is out of reach, and there is nobody to tell.
            guard let (address, trouble) = try? publicAddress.find() else { continue }
            let troubles = [trouble, publicAddress.trouble(of: listeners)].compactMap(\.self)
            await session.announce(address, trouble: troubles.isEmpty ? nil : troubles.joined(separator: "; "))
        }
    }

    /// Waits until this machine has the address of a listener, or until cancelled.
    private static func untilPresent(_ listener: APIEndpoint, _ publicAddress: PublicAddress) async {
        while !Task.isCancelled, publicAddress.trouble(of: [listener]) != nil {
            try? await Task.sleep(for: addressCheck)
        }
    }

    /// The first listener that other machines can reach.
    private static func networkAddress(_ listeners: [APIEndpoint]) -> String? {
        for case .tls(let host, let port) in listeners { return "\(APIEndpoint.tls(host: host, port: port))" }
        for case .tcp(let host, let port) in listeners where host != "127.0.0.1" && host != "::1" && host != "localhost"
        {
            return "tcp:\(host):\(port)"
        }
        return nil
    }

    private static func userSearchFolder() -> String {
        (ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"] ?? "/run/user/0") + "/systemd/user"
    }

    /// Tells systemd's watchdog that the parts which hold the session still answer.
    private static func feedWatchdog(_ session: SessionShell) async {
        guard let interval = Notifier.watchdogInterval else {
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            return
        }
        while !Task.isCancelled {
            _ = await session.currentLease
            Notifier.watchdog()
            try? await Task.sleep(for: .microseconds(Int64(interval / 3)))
        }
    }
}
