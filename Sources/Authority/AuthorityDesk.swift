// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore
package import FoundationEssentials
import HTTPTransport
package import Identity
package import Registry

/// Says who belongs to the cluster: signs certificates, keeps the records, and gives machines their users in etcd.
///
/// It works where the authority's folder is. Everything it signs has a record first, since a certificate without a
/// living record counts for nothing.
package struct AuthorityDesk: Sendable {
    package let folder: AuthorityFolder
    package let registry: ClusterRegistry
    /// Gives machines their users; `nil` where etcd asks for no login.
    let access: StoreAccess?
    /// Where machines find etcd.
    package let etcdEndpoints: [String]
    /// Who signed etcd's certificates, PEM; `nil` where this authority has.
    package let etcdAuthorities: String?

    package init(
        folder: AuthorityFolder, registry: ClusterRegistry, access: StoreAccess?, etcdEndpoints: [String],
        etcdAuthorities: String? = nil
    ) {
        self.etcdAuthorities = etcdAuthorities
        self.folder = folder
        self.registry = registry
        self.access = access
        self.etcdEndpoints = etcdEndpoints
    }

    // MARK: Machines

    /// What a machine is admitted as.
    package struct Admission: Sendable {
        package var machine: MachineID
        package var name: String
        package var addresses: [String]
        package var roles: Set<String>
        package var metadata: [String: String]
        /// Whether it uses the store through machines with the API, and so gets no login and no certificate there.
        package var usesGates: Bool

        package init(
            machine: MachineID, name: String, addresses: [String], roles: Set<String>, metadata: [String: String] = [:],
            usesGates: Bool = false
        ) {
            self.usesGates = usesGates
            self.machine = machine
            self.name = name
            self.addresses = addresses
            self.roles = roles
            self.metadata = metadata
        }
    }

    /// What an admitted machine is given.
    package struct Membership: Sendable {
        package var certificate: String
        package var authorities: String
        package var login: StoreLogin?
        /// What the machine shows etcd; `nil` for one that uses gates.
        package var etcdCertificate: String?
    }

    /// All roles that a machine may have.
    package static let allRoles: Set<String> = ["agent", "engine", "api"]

    /// Makes a machine one of the cluster.
    ///
    /// - Parameters:
    ///   - admission: What it is to be.
    ///   - request: Its request for a certificate, PEM.
    ///   - now: The present time.
    ///   - mayReplace: Whether a living record of it gives way, as when an administrator does this by hand.
    /// - Returns: What it needs to run.
    /// - Throws: `.conflict` when it is a living machine of the cluster already.
    package func admit(
        _ admission: Admission, request: String, now: Date, mayReplace: Bool = false
    ) async throws(AuthorityError) -> Membership {
        guard !admission.roles.isEmpty, admission.roles.isSubset(of: Self.allRoles) else {
            throw .invalid("a machine's roles are some of agent, engine and api")
        }
        guard !admission.usesGates || admission.roles == MachineKind.worker.roles else {
            throw .invalid("a machine with the engine or the API needs a login at etcd")
        }
        let former: MachineIdentity? = try await records { () throws(RegistryError) in
            try await registry.machineIdentity(admission.machine)
        }
        let began = Self.beginning(
            after: former.map { max($0.joinedAt, $0.revokedAt ?? $0.joinedAt) }, now: now)
        let issued = try renew(admission.machine, request: request, addresses: admission.addresses, now: began)
        var identity = MachineIdentity(
            id: admission.machine, name: admission.name, roles: admission.roles, metadata: admission.metadata,
            joinedAt: Self.moment(began))
        identity.usesGates = admission.usesGates
        if admission.usesGates {
            // A new one each time: what a former holder of the id has on its way is not this one's.
            identity.leaseFront = MachineLease.freeFront(
                among: try await records { () throws(RegistryError) in try await registry.machineIdentities().machines }
            )
        }
        let record = identity
        try await records { () throws(RegistryError) in try await registry.addMachine(record, mayReplace: mayReplace) }
        var login: StoreLogin?
        if let access {
            login = try await store { () throws(EtcdError) in
                guard admission.usesGates else {
                    return try await access.admit(
                        admission.machine, isManager: !admission.roles.isDisjoint(with: ["engine", "api"]))
                }
                // It may have had one as another kind of machine.
                try await access.dismiss(admission.machine)
                return nil
            }
        }
        return Membership(
            certificate: issued.certificate, authorities: issued.authorities, login: login,
            etcdCertificate: admission.usesGates ? nil : issued.etcdCertificate)
    }

    /// Where the API of the machines answers through which others use the store, sorted.
    ///
    /// - Returns: Of machines that may have the API and are there now; none when the store does not say.
    package func gates() async -> [String] {
        guard let known = try? await registry.machineIdentities().machines, let present = try? await registry.machines()
        else { return [] }
        let managers = Set(known.filter { $0.revokedAt == nil && $0.roles.contains("api") }.map(\.id))
        return present.filter { managers.contains($0.id) }.compactMap(\.apiAddress).filter { $0.hasPrefix("tls:") }
            .sorted()
    }

    /// Lets the bearer of a token join: uses the token, then admits the machine with the roles and metadata it carries.
    ///
    /// A worker gets neither login nor certificate for etcd when its agent can do without: `takesGates`.
    package func join(
        token text: String, machine: MachineID, name: String, addresses: [String], request: String,
        takesGates: Bool = false, now: Date
    ) async throws(AuthorityError) -> (
        membership: Membership, roles: Set<String>, metadata: [String: String], token: String
    ) {
        let token: JoinToken
        do {
            token = try JoinToken(text: text)
            // Before the token loses a use: a request that cannot be signed is the bearer's mistake.
            _ = try CertificateRequest(pem: request)
        } catch {
            throw .invalid(error.message)
        }
        let present: MachineIdentity? = try await records { () throws(RegistryError) in
            try await registry.machineIdentity(machine)
        }
        func accepted(_ use: TokenUse) throws(AuthorityError) -> TokenEntry {
            switch use {
            case .accepted(let entry): return entry
            case .refused(let why): throw .badToken("join token \(token.id): \(why.rawValue)")
            }
        }
        if let present, present.revokedAt == nil {
            // Who belongs to the cluster is told to bearers of good tokens alone, and costs the token nothing.
            let look: TokenUse = try await records { () throws(RegistryError) in
                try await registry.checkToken(token.id, secretHash: token.secretHash, now: Self.moment(now))
            }
            _ = try accepted(look)
            throw .conflict(
                "machine \(machine.short) is one of the cluster already; cluster-manager machine revoke it first if it is to join anew"
            )
        }
        let use: TokenUse = try await records { () throws(RegistryError) in
            try await registry.useToken(token.id, secretHash: token.secretHash, now: Self.moment(now))
        }
        let entry = try accepted(use)
        let membership = try await admit(
            Admission(
                machine: machine, name: name, addresses: addresses, roles: entry.roles, metadata: entry.metadata,
                usesGates: takesGates && entry.roles == MachineKind.worker.roles),
            request: request, now: now)
        return (membership, entry.roles, entry.metadata, token.id)
    }

    /// Signs the next certificates of a machine that has proven with the present one who it is.
    package func renew(
        _ machine: MachineID, request: String, addresses: [String], now: Date
    ) throws(AuthorityError) -> (certificate: String, authorities: String, etcdCertificate: String) {
        try identities { () throws(IdentityError) in
            let request = try CertificateRequest(pem: request)
            return (
                try folder.chain(
                    try folder.authority().issue(
                        request, for: .machine(machine.rawValue), addresses: addresses, now: now)),
                try folder.bundle().pem,
                try folder.storeAuthority(now: now).issueClient(request, name: machine.rawValue, now: now)
            )
        }
    }

    /// Takes a revoked machine's rights in etcd away, and its session once nobody can still be running its units.
    ///
    /// An honest machine stops its units when it sees its record revoked, and ends its session itself; this is for one
    /// that does not. etcd asks nobody for rights who renews a lease, so the lease has to be ended by hand.
    ///
    /// `grace` is how long it has to leave by itself.
    package func expel(_ machine: MachineID, grace: Duration) async throws(AuthorityError) {
        try await store { () throws(EtcdError) in try await access?.dismiss(machine) }
        try? await Task.sleep(for: grace)
        // It may have joined anew meanwhile: the session is a new one then, and in order.
        let identity = try await records { () throws(RegistryError) in try await registry.machineIdentity(machine) }
        guard identity?.revokedAt != nil else { return }
        let lease: LeaseID? = try await records { () throws(RegistryError) in try await registry.session(of: machine) }
        guard let lease, lease != .none else { return }
        try await store { () throws(EtcdError) in try await registry.store.revoke(lease) }
    }

    /// Gives machines that an older version has admitted the rights in etcd that this one needs.
    package func refreshRights() async throws(AuthorityError) {
        try await settleRootPassword()
        try await store { () throws(EtcdError) in try await access?.refreshRights() }
    }

    // MARK: Users

    /// Makes a user, or one that was revoked anew, and signs its certificate.
    package func addUser(
        _ name: String, role: UserRole, request: String, now: Date
    ) async throws(AuthorityError) -> (certificate: String, authorities: String) {
        let former: UserIdentity? = try await records { () throws(RegistryError) in
            try await registry.userIdentity(name)
        }
        let began = Self.beginning(
            after: former.map { max($0.createdAt, $0.revokedAt ?? $0.createdAt) }, now: now)
        let issued = try renew(user: name, request: request, now: began)
        do {
            try await registry.addUser(UserIdentity(name: name, role: role, createdAt: Self.moment(began)))
        } catch {
            throw AuthorityError(error, namesAction: false)
        }
        return issued
    }

    /// Signs the next certificate of a user that has proven with the present one who it is.
    package func renew(
        user name: String, request: String, now: Date
    ) throws(AuthorityError) -> (certificate: String, authorities: String) {
        try identities { () throws(IdentityError) in
            (
                try folder.chain(
                    try folder.authority().issue(try CertificateRequest(pem: request), for: .user(name), now: now)),
                try folder.bundle().pem
            )
        }
    }

    // MARK: Moments

    /// How far ahead a certificate may be dated: it begins 300 s before, and clocks differ.
    private static let longestLead: TimeInterval = 60

    /// When an identity begins, so that nothing signed for a former one of its name counts for it.
    ///
    /// Certificates know seconds, and count when they are as old as their record. So whoever comes after somebody begins in the
    /// next second: after this one, in which the former one's last certificate may have been signed, and after its revocation, which
    /// another machine's clock may put later.
    ///
    /// - Parameters:
    ///   - former: The last moment that is known of the former one, in milliseconds since 1970; `nil` where there was none.
    ///   - now: The present time.
    /// - Returns: The moment with which its record and its certificate are dated.
    static func beginning(after former: Int64?, now: Date) -> Date {
        guard let former else { return now }
        let second = max(moment(now), former) / 1000 + 1
        return min(Date(timeIntervalSince1970: Double(second)), now + longestLead)
    }

    // MARK: The authority itself

    /// How many rotations a machine may have missed.
    private static let vouchesKept = 8

    /// Makes the cluster's records name this authority, and this machine's API among those that sign.
    package func publish(signer: String?) async throws(AuthorityError) {
        let (bundle, vouch) = try identities { () throws(IdentityError) in (try folder.bundle(), try folder.vouch()) }
        for _ in 0..<8 {
            let found = try await records { () throws(RegistryError) in try await registry.authorities() }
            var signers = found?.entry.signers ?? []
            if let signer, !signers.contains(signer) { signers.append(signer) }
            // Kept for machines that were away for more than one rotation.
            var vouches = found?.entry.vouches ?? []
            if let vouch, !vouches.contains(vouch) { vouches = (vouches + [vouch]).suffix(Self.vouchesKept) }
            let entry = AuthoritiesEntry(bundle: bundle.pem, signers: signers, vouches: vouches)
            guard entry != found?.entry else { return }
            do {
                try await registry.setAuthorities(entry, expecting: found?.modRevision ?? 0)
                return
            } catch {
                guard error.code == .conflict else { throw AuthorityError(error) }
            }
        }
        throw .store("writing the cluster's authorities: others change them all the time")
    }

    /// Begins a rotation: a new authority signs from now on, and both are believed.
    ///
    /// Members take new certificates by themselves; then `finishRotation` ends belief in the old one.
    package func beginRotation(now: Date) async throws(AuthorityError) -> TrustBundle {
        let bundle = try identities { () throws(IdentityError) in
            let bundle = try folder.bundle()
            guard bundle.fingerprints.count == 1 else {
                throw IdentityError(
                    .exists, "a rotation is under way; finish it first: cluster-manager cluster ca rotate --finish")
            }
            let next = try CertificateAuthority(cluster: try folder.cluster(), now: now)
            let both = bundle.joined(with: next.trust)
            try folder.storeVouch(try folder.authority().vouch(for: next, now: now))
            try folder.store(next, bundle: both)
            // Appointed by the new one, with its key.
            _ = try folder.storeAuthority(now: now)
            return both
        }
        try await publish(signer: nil)
        return bundle
    }

    /// Ends a rotation: certificates that the old authority signed count for nothing.
    package func finishRotation() async throws(AuthorityError) -> TrustBundle {
        let bundle = try identities { () throws(IdentityError) in
            let authority = try folder.authority()
            let bundle = try folder.bundle()
            guard bundle.fingerprints.count > 1 else {
                throw IdentityError(.exists, "no rotation is under way; begin one: cluster-manager cluster ca rotate")
            }
            return authority.trust
        }
        try await checkEtcd(believing: bundle)
        try identities { () throws(IdentityError) in
            let authority = try folder.authority()
            try folder.store(authority, bundle: authority.trust)
        }
        try await publish(signer: nil)
        return bundle
    }

    /// Makes sure that the machines will still believe etcd when they believe `bundle` alone.
    ///
    /// An etcd whose certificate the old authority signed would be lost to every machine at once.
    private func checkEtcd(believing bundle: TrustBundle) async throws(AuthorityError) {
        guard etcdAuthorities == nil else { return }
        let tls = try identities { () throws(IdentityError) in
            try folder.storeAccess(believing: bundle, now: Date())
        }
        for endpoint in etcdEndpoints where endpoint.hasPrefix("https:") {
            let answer = try? await HTTPClient().send(
                HTTPRequest(url: endpoint + "/version", deadline: .seconds(5), tls: tls))
            guard answer != nil else {
                throw .conflict(
                    "etcd at \(endpoint) does not answer with a certificate of the new authority; give it one (cluster-manager "
                        + "cluster certificate etcd --help), then finish")
            }
        }
    }

    /// Milliseconds since 1970 of the second in which `date` lies; certificates know seconds only.
    package static func moment(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970) * 1000 }
}
