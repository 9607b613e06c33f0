// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Authority
import Etcd
import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Logging
import Registry

/// All that makes an agent one of a secured cluster; missing where the machine has not joined one.
struct Security: Sendable {
    let own: OwnIdentity
    let machine: MachineID
    let registry: ClusterRegistry
    let view: IdentityView
    let recognition: CertificateRecognition
    let audit: RegistryAudit
    /// Where the authority's folder is, and only there.
    let desk: AuthorityDesk?
    let logger: Logger

    /// Reads what joining left on this machine.
    ///
    /// - Returns: `nil` when the machine has no identity.
    /// - Throws: `IdentityError`, `ListenerError` or `EtcdError` when what is there cannot be used.
    init?(
        _ settings: AgentSettings, machine: MachineID, registry: ClusterRegistry, logger: Logger
    ) throws {
        let folder = MachineFolder(path: settings.identityDirectory)
        guard folder.exists else { return nil }
        let own = try OwnIdentity(
            folder: folder, cluster: settings.cluster.rawValue, usesStore: settings.storeGates.isEmpty)
        let view = IdentityView(registry: registry)
        self.own = own
        self.machine = machine
        self.registry = registry
        self.view = view
        self.logger = logger
        recognition = CertificateRecognition(
            identity: own, records: ViewRecords(view: view), plain: settings.isInsecure ? .everything : .nothing)
        let log = AuditLog(registry: registry, retention: settings.auditRetention * 86_400)
        audit = RegistryAudit(logger: logger) { act, now in
            try await log.append(AuditEntry(act, on: machine, at: now))
        }
        let authority = AuthorityFolder(path: settings.authorityDirectory)
        guard authority.exists else {
            desk = nil
            return
        }
        let access = try authority.etcdPassword().map { password throws(EtcdError) in
            try StoreAccess(settings.etcd, rootPassword: password, cluster: settings.cluster)
        }
        desk = AuthorityDesk(
            folder: authority, registry: registry, access: access, etcdEndpoints: settings.etcd.endpoints,
            etcdAuthorities: try Self.foreignAuthorities(settings, own))
    }

    /// Who signed etcd's certificates where that was not this cluster's authority.
    private static func foreignAuthorities(_ settings: AgentSettings, _ own: OwnIdentity) throws -> String? {
        guard let file = settings.etcd.tls?.authorityFile, file != own.folder.authoritiesFile else { return nil }
        return try IdentityFile.read(file)
    }

    var routes: IdentityRoutes {
        IdentityRoutes(registry: registry, cluster: own.cluster, own: own, desk: desk)
    }

    // MARK: Duties

    /// Keeps the machine's certificate and the authorities that it believes up to date, until cancelled.
    ///
    /// - Parameters:
    ///   - apiAddress: Where this machine's API answers others.
    ///   - addresses: What the next certificate is to be for.
    ///   - clockError: Seconds by which this machine's clock is ahead of the store's.
    ///   - login: This machine's own at etcd; `nil` where an operator has given it another.
    func keepUpToDate(
        apiAddress: String?, addresses: @escaping @Sendable () -> [String],
        clockError: @escaping @Sendable () -> Int64, login: OwnLogin?
    ) async {
        // Read while the store is there: one who calls for the first time when it is gone must be known all the same.
        await view.start()
        // First of all: where a change of the password has broken off, nothing else can be asked of the store.
        if let login { await settle(login) }
        if let desk {
            do {
                try await desk.publish(signer: apiAddress)
            } catch {
                logger.warning("the cluster does not know that this machine signs", metadata: ["error": "\(error)"])
            }
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await followAuthorities() }
            group.addTask { await followPasswords(login) }
            group.addTask { await renewInTime(addresses: addresses, clockError: clockError) }
            if let desk {
                group.addTask { await expelRevoked(desk) }
                group.addTask { await refreshRights(desk) }
            }
        }
    }

    private func followAuthorities() async {
        while !Task.isCancelled {
            do {
                for try await entry in registry.followAuthorities() {
                    guard let entry, entry.bundle != own.trust.bundle.pem else { continue }
                    try own.believe(entry.bundle, vouches: entry.vouches, now: Date())
                    logger.notice("the cluster's authorities have changed")
                }
            } catch let error as IdentityError {
                // It says so each time that it reads them anew, which is at most every 5 s.
                logger.error(
                    "the authorities in etcd are not believed, and the former ones count on: \(error.message); who wrote them?"
                )
            } catch {
                logger.warning("the cluster's authorities are not followed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(5))
        }
    }

    /// Renews at two thirds of the certificate's life, and soon after another authority has begun to sign.
    ///
    /// By the store's clock: one of this machine's that is weeks ahead would find every new certificate due at once.
    private func renewInTime(
        addresses: @Sendable () -> [String], clockError: @Sendable () -> Int64
    ) async {
        var pause = RenewalPace.pause(after: .notDue)
        while !Task.isCancelled {
            try? await Task.sleep(for: pause)
            if Task.isCancelled { return }
            let look = await renewIfDue(addresses: addresses, clockError: clockError)
            pause = RenewalPace.pause(after: look)
        }
    }

    private func renewIfDue(
        addresses: @Sendable () -> [String], clockError: @Sendable () -> Int64
    ) async -> RenewalPace.Look {
        func isDue() throws -> Bool {
            try own.isRenewalDue(at: Date(timeIntervalSinceNow: -TimeInterval(clockError())))
        }
        do {
            guard try isDue() else { return .notDue }
            try await renew(addresses: addresses())
            logger.notice("this machine's certificate is renewed")
            guard try isDue() else { return .renewed(isDueAgain: false) }
            logger.warning(
                "the new certificate looks due at once, so a clock is wrong, here or at the authority; the next is asked for in an hour"
            )
            return .renewed(isDueAgain: true)
        } catch {
            logger.warning(
                "this machine's certificate is due and was not renewed; trying again in a minute",
                metadata: ["error": "\(error)"])
            return .failed
        }
    }

    private func renew(addresses: [String]) async throws {
        let key = KeyPair()
        let order = API.CertificateOrder(
            request: try key.request(name: Principal.machine(machine.rawValue).description), addresses: addresses)
        try await askSigners { client in
            let issued = try await client.renewCertificate(of: machine.rawValue, order)
            try own.renew(certificate: issued.certificate, key: key, etcdCertificate: issued.etcdCertificate)
        }
    }

    /// Asks one machine with the authority after the other, until one has done it.
    func askSigners(_ ask: (FleetClient) async throws -> Void) async throws {
        let signers = try await registry.authorities()?.entry.signers ?? []
        var failure: any Error = HostError("no machine says that it has the cluster's authority")
        for signer in signers {
            do {
                guard let endpoint = PeerEndpoint.read(signer, isSecured: true) else {
                    throw HostError("the cluster's records name \(signer) as who signs, which is no address with TLS")
                }
                return try await ask(
                    FleetClient(
                        endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: own.tls),
                        deadline: .seconds(10)))
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Once, when the agent has begun: it may be newer than the one that admitted the machines.
    private func refreshRights(_ desk: AuthorityDesk) async {
        while !Task.isCancelled {
            do {
                return try await desk.refreshRights()
            } catch {
                logger.warning(
                    "machines have the rights in etcd that an older version gave them; trying again in a minute",
                    metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .seconds(60))
            }
        }
    }

    /// Takes rights and session of revoked machines away; those, too, that were revoked while this agent was not there.
    private func expelRevoked(_ desk: AuthorityDesk) async {
        let changes = await view.changes()
        guard await view.ready() else { return }
        let known = ((try? await registry.machineIdentities()) ?? ([], [])).0
        await withDiscardingTaskGroup { group in
            for identity in known where identity.revokedAt != nil { group.addTask { await expel(identity.id, desk) } }
            for await change in changes {
                guard case .machine(let id, let identity?) = change, identity.revokedAt != nil else { continue }
                logger.notice("machine is revoked", metadata: ["machine.revoked": "\(id)"])
                group.addTask { await expel(id, desk) }
            }
        }
    }

    private func expel(_ id: MachineID, _ desk: AuthorityDesk) async {
        do {
            // Its watch must be able to tell it first: an honest machine leaves by itself, at once.
            try? await Task.sleep(for: .seconds(2))
            // Taken back in meanwhile?
            guard await view.machine(id)?.revokedAt != nil else { return }
            try await desk.expel(id, grace: Self.expulsionGrace)
        } catch {
            logger.error(
                "a revoked machine may still have rights in etcd; restart this agent to try again",
                metadata: ["machine.revoked": "\(id)", "error": "\(error)"])
        }
    }

    /// Longer than an honest machine takes to stop its units: see `leaveBudget`.
    private static let expulsionGrace = Duration.seconds(8)

    /// How long a machine that learns of its own revocation gives its units to stop before it kills them.
    static let leaveBudget = Duration.seconds(5)

    /// Returns when this machine's own record says that it is revoked.
    func untilRevoked() async {
        while !Task.isCancelled {
            do {
                for try await identity in registry.followIdentity(of: machine) where identity?.revokedAt != nil {
                    logger.error("this machine was revoked: it stops its units and leaves the cluster")
                    return
                }
            } catch {
                logger.debug("this machine's own record is not followed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}

/// The identities that an agent follows, as recognizing callers needs them.
private struct ViewRecords: IdentityRecords {
    let view: IdentityView
    /// How long a caller waits while nobody is known yet; no certificate counts by itself.
    private static let patience = Duration.seconds(3)

    func user(_ name: String) async throws(RecordsUnread) -> (role: Caller.Role, since: Int64)? {
        guard await view.ready(within: Self.patience) else { throw RecordsUnread() }
        guard let user = await view.user(name), user.revokedAt == nil,
            let role = Caller.Role(rawValue: user.role.rawValue)
        else { return nil }
        return (role, user.createdAt / 1000)
    }

    func machine(_ id: String) async throws(RecordsUnread) -> Int64? {
        guard await view.ready(within: Self.patience) else { throw RecordsUnread() }
        guard let id = MachineID(id), let machine = await view.machine(id), machine.revokedAt == nil else { return nil }
        return machine.joinedAt / 1000
    }
}

extension AuditEntry {
    /// What was done at `machine`; each machine has a socket, so the entry says whose it was.
    init(_ act: AuditedAct, on machine: MachineID, at date: Date) {
        self.init(
            moment: Int64(date.timeIntervalSince1970 * 1000), who: act.caller,
            from: act.origin == "unix" ? "unix:\(machine)" : act.origin, action: act.action,
            subject: act.unit ?? "", before: act.before, after: act.after,
            refusal: act.isRefusal ? act.reason ?? "status \(act.status)" : nil)
    }
}
