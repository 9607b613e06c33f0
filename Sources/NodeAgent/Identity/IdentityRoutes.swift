// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Identity
import Registry

/// The paths about who belongs to the cluster and what was done in it.
struct IdentityRoutes: Sendable {
    let registry: ClusterRegistry
    let cluster: String
    let own: OwnIdentity
    /// `nil` on machines without the authority: they say who has it.
    let desk: AuthorityDesk?

    var routes: [Route] {
        passwordRoutes + [
            Route(.readAuthorities) { (_, _) async throws(ServerFailure) in
                Self.json(API.Authorities(cluster: cluster, authorities: own.trust.bundle.pem))
            },
            Route(.rotateAuthority) { (request, _) async throws(ServerFailure) in try await rotate(request) },
            Route(.join) { (request, _) async throws(ServerFailure) in try await join(request) },
            Route(.renewMachineCertificate) { (request, names) async throws(ServerFailure) in
                try await renew(names[0], request)
            },
            Route(.revokeMachine) { (_, names) async throws(ServerFailure) in try await revokeMachine(names[0]) },
            Route(.listMembers) { (_, _) async throws(ServerFailure) in try await listMembers() },
            Route(.listTokens) { (_, _) async throws(ServerFailure) in try await listTokens() },
            Route(.createToken) { (request, _) async throws(ServerFailure) in try await createToken(request) },
            Route(.revokeToken) { (_, names) async throws(ServerFailure) in try await revokeToken(names[0]) },
            Route(.listUsers) { (_, _) async throws(ServerFailure) in try await listUsers() },
            Route(.addUser) { (request, _) async throws(ServerFailure) in try await addUser(request) },
            Route(.revokeUser) { (_, names) async throws(ServerFailure) in try await revokeUser(names[0]) },
            Route(.renewUserCertificate) { (request, names) async throws(ServerFailure) in
                try await renewUser(names[0], request)
            },
            Route(.readAudit) { (request, _) async throws(ServerFailure) in try await readAudit(request) },
        ]
    }

    // MARK: Joining

    private func join(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        let body: API.JoinRequest = try await Self.body(request)
        guard let machine = MachineID(body.machine), Principal.isMachineID(body.machine) else {
            throw ServerFailure(
                400,
                "'\(body.machine.prefix(40))' is no machine id: 32 lower-case hexadecimal digits, not all of them 0")
        }
        let name = String(body.name.prefix(64))
        guard Principal.isName(name), body.addresses.count <= 16 else {
            throw ServerFailure(400, "a machine has a host name and at most 16 addresses")
        }
        do throws(AuthorityError) {
            let joined = try await desk.join(
                token: body.token, machine: machine, name: name, addresses: body.addresses, request: body.request,
                takesGates: body.takesGates == true, now: Date())
            let login = joined.membership.login
            let usesGates = joined.membership.etcdCertificate == nil
            var reply = Self.json(
                API.JoinAnswer(
                    cluster: cluster, certificate: joined.membership.certificate,
                    authorities: joined.membership.authorities, roles: joined.roles.sorted(),
                    metadata: joined.metadata,
                    etcd: API.EtcdLogin(
                        endpoints: desk.etcdEndpoints, user: login?.user, password: login?.password,
                        authorities: desk.etcdAuthorities, certificate: joined.membership.etcdCertificate,
                        gates: usesGates ? await desk.gates() : nil)),
                status: 201)
            reply.note = "machine \(machine.rawValue) (\(name)) joined with token \(joined.token)"
            return reply
        } catch {
            throw Self.failure(error, request.caller)
        }
    }

    private func renew(_ id: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        guard let machine = MachineID(id) else { throw ServerFailure(400, "no machine id") }
        let body: API.CertificateOrder = try await Self.body(request)
        guard body.addresses.count <= 16 else { throw ServerFailure(400, "a machine has at most 16 addresses") }
        let known = try await records { () throws(RegistryError) in try await registry.machineIdentity(machine) }
        do throws(AuthorityError) {
            let issued = try desk.renew(machine, request: body.request, addresses: body.addresses, now: Date())
            var reply = Self.json(
                API.IssuedCertificate(
                    cluster: cluster, certificate: issued.certificate, authorities: issued.authorities,
                    etcdCertificate: known?.usesGates == true ? nil : issued.etcdCertificate))
            reply.note = "certificate of machine \(machine.rawValue) renewed"
            return reply
        } catch {
            throw Self.failure(error, request.caller)
        }
    }

    private func rotate(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        let body: API.Rotation = try await Self.body(request)
        do throws(AuthorityError) {
            let bundle: TrustBundle
            switch body.step {
            case "begin": bundle = try await desk.beginRotation(now: Date())
            case "finish": bundle = try await desk.finishRotation()
            default: throw .invalid("a rotation's step is begin or finish")
            }
            var reply = Self.json(API.Authorities(cluster: cluster, authorities: bundle.pem))
            reply.note =
                "rotation of the authority: \(body.step); believed: \(bundle.fingerprints.joined(separator: ", "))"
            return reply
        } catch {
            throw Self.failure(error, request.caller)
        }
    }

    // MARK: Machines

    private func revokeMachine(_ id: String) async throws(ServerFailure) -> ServerReply {
        guard let machine = MachineID(id) else { throw ServerFailure(400, "no machine id") }
        // Written also when it was revoked before: the authority then tries again to take its rights in etcd.
        let former = try await records { () throws(RegistryError) in try await registry.machineIdentity(machine) }
        try await records { () throws(RegistryError) in
            try await registry.revokeMachine(machine, at: AuthorityDesk.moment(Date()))
        }
        return Self.revoked("machine \(machine.rawValue)", already: former?.revokedAt)
    }

    /// The answer to a revocation; one of what was revoked already changed nothing and is not audited again.
    private static func revoked(_ subject: String, already moment: Int64?) -> ServerReply {
        if let moment {
            var reply = json(API.Revocation(since: moment))
            reply.isRoutine = true
            return reply
        }
        var reply = ServerReply(status: 204)
        reply.note = "\(subject) revoked"
        return reply
    }

    private func listMembers() async throws(ServerFailure) -> ServerReply {
        let machines = try await records { () throws(RegistryError) in try await registry.machineIdentities().machines }
        let closed = try await records { () throws(RegistryError) in try await registry.closedMachines() }
        return Self.json(
            API.MemberList(
                machines: machines.map {
                    API.Member(
                        id: $0.id.rawValue, name: $0.name, roles: $0.roles.sorted(), joinedAt: $0.joinedAt,
                        revokedAt: $0.revokedAt, cordoned: closed.contains($0.id) ? true : nil,
                        passwordAwaited: $0.isPasswordAwaited && $0.revokedAt == nil ? true : nil,
                        usesGates: $0.usesGates ? true : nil)
                }))
    }

    // MARK: Tokens

    /// The longest that a token may be good, in seconds: a week.
    private static let longestToken: Int64 = 7 * 86_400

    private func createToken(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let body: API.TokenOrder = try await Self.body(request)
        guard (1...Self.longestToken).contains(body.ttl) else {
            throw ServerFailure(400, "a token is good for 1 second to 7 days")
        }
        guard (1...10_000).contains(body.uses) else { throw ServerFailure(400, "a token has 1 to 10000 uses") }
        let roles = Set(body.roles)
        guard !roles.isEmpty, roles.isSubset(of: AuthorityDesk.allRoles) else {
            throw ServerFailure(400, "a machine's roles are some of agent, engine and api")
        }
        guard body.metadata.count <= 64 else { throw ServerFailure(400, "metadata is at most 64 pairs") }
        // Found by the machine that joins it would cost the token a use, and leave a member that knows nothing of it.
        if let complaint = MetadataPair.complaint(body.metadata) { throw ServerFailure(400, complaint) }
        let entry = try await records { () throws(RegistryError) in try await registry.authorities()?.entry }
        let signers = entry?.signers ?? []
        // A token is worth something only where a signer's authority is the newest of the bundle.
        guard let fingerprint = own.trust.bundle.fingerprints.last else { throw ServerFailure(500, "no authority") }
        let token = JoinToken(fingerprint: fingerprint)
        let now = AuthorityDesk.moment(Date())
        try await records { () throws(RegistryError) in
            try await registry.addToken(
                TokenEntry(
                    id: token.id, hash: token.secretHash, expiresAt: now + body.ttl * 1000, usesLeft: body.uses,
                    metadata: body.metadata, roles: roles, createdBy: request.caller.name, createdAt: now))
        }
        var reply = Self.json(API.NewToken(token: token.text, endpoints: signers), status: 201)
        reply.note =
            "join token \(token.id): \(body.uses) uses, \(body.ttl) s, roles \(roles.sorted().joined(separator: ","))"
        return reply
    }

    private func listTokens() async throws(ServerFailure) -> ServerReply {
        let tokens = try await records { () throws(RegistryError) in try await registry.tokens().tokens }
        return Self.json(
            API.TokenList(
                tokens: tokens.map {
                    API.Token(
                        id: $0.id, expiresAt: $0.expiresAt, usesLeft: $0.usesLeft, roles: $0.roles.sorted(),
                        metadata: $0.metadata, createdBy: $0.createdBy, createdAt: $0.createdAt)
                }))
    }

    private func revokeToken(_ id: String) async throws(ServerFailure) -> ServerReply {
        let found = try await records { () throws(RegistryError) in try await registry.revokeToken(id) }
        guard found else { throw ServerFailure(404, "there is no join token \(id.prefix(64))") }
        var reply = ServerReply(status: 204)
        reply.note = "join token \(id) revoked"
        return reply
    }

    // MARK: Users

    private func addUser(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        let body: API.UserOrder = try await Self.body(request)
        guard let role = UserRole(rawValue: body.role) else {
            throw ServerFailure(400, "a user's role is viewer, operator or admin")
        }
        guard Principal.isName(body.name) else {
            throw ServerFailure(400, "a user's name is 1 to 64 letters, digits, '.', '_' and '-'")
        }
        let machines = (try? await registry.machines()) ?? []
        let endpoints = machines.compactMap(\.apiAddress).filter { $0.hasPrefix("tls:") }
        do throws(AuthorityError) {
            let issued = try await desk.addUser(body.name, role: role, request: body.request, now: Date())
            var reply = Self.json(
                API.IssuedCertificate(
                    cluster: cluster, certificate: issued.certificate, authorities: issued.authorities,
                    endpoints: Array(endpoints.prefix(8))), status: 201)
            reply.note = "user \(body.name) with role \(role.rawValue)"
            return reply
        } catch {
            throw Self.failure(error, request.caller)
        }
    }

    private func renewUser(_ name: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        let body: API.CertificateOrder = try await Self.body(request)
        do throws(AuthorityError) {
            let issued = try desk.renew(user: name, request: body.request, now: Date())
            var reply = Self.json(
                API.IssuedCertificate(
                    cluster: cluster, certificate: issued.certificate, authorities: issued.authorities))
            reply.note = "certificate of user \(name) renewed"
            return reply
        } catch {
            throw Self.failure(error, request.caller)
        }
    }

    private func listUsers() async throws(ServerFailure) -> ServerReply {
        let users = try await records { () throws(RegistryError) in try await registry.userIdentities().users }
        return Self.json(
            API.UserList(
                users: users.map {
                    API.User(
                        name: $0.name, role: $0.role.rawValue, createdAt: $0.began, revokedAt: $0.revokedAt)
                }))
    }

    private func revokeUser(_ name: String) async throws(ServerFailure) -> ServerReply {
        let former = try await records { () throws(RegistryError) in try await registry.userIdentity(name) }
        try await records { () throws(RegistryError) in
            try await registry.revokeUser(name, at: AuthorityDesk.moment(Date()))
        }
        return Self.revoked("user \(name)", already: former?.revokedAt)
    }

    // MARK: Audit

    /// The most events of one answer; the newest are given.
    private static let auditLimit = 10_000

    /// Whether a caller is one of those that an audit is asked for, each by the audit's own name or a user by his; none are all.
    static func isAmong(_ users: [String], _ caller: String) -> Bool {
        users.isEmpty || users.contains { caller == $0 || caller == "user:\($0)" }
    }

    private func readAudit(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        func number(_ name: String) throws(ServerFailure) -> Int64? {
            guard let text = request.queryValues(name).last else { return nil }
            guard let number = Int64(text), number >= 0 else {
                throw ServerFailure(400, "\(name) must be a whole number that is not negative")
            }
            return number
        }
        let since = try number("since") ?? 0
        let until = try number("until") ?? .max
        let limit = Int(min(try number("limit") ?? 1000, Int64(Self.auditLimit)))
        let users = request.queryValues("user")
        let unit = request.queryValues("unit").last
        let entries = try await records { () throws(RegistryError) in
            try await registry.auditEntries(from: since, before: until).entries
        }
        let wanted = entries.filter { entry in
            Self.isAmong(users, entry.who)
                && (unit.map { entry.subject == $0 } ?? true)
        }
        return Self.json(
            API.AuditPage(
                events: wanted.suffix(limit).map {
                    API.AuditEvent(
                        time: $0.moment, caller: $0.who, origin: $0.from, action: $0.action,
                        unit: $0.subject.isEmpty ? nil : $0.subject, before: $0.before, after: $0.after,
                        refusal: $0.refusal)
                }))
    }
}

// MARK: Common

extension IdentityRoutes {
    func signingDesk() async throws(ServerFailure) -> AuthorityDesk {
        if let desk { return desk }
        let signers = ((try? await registry.authorities()) ?? nil)?.entry.signers ?? []
        let who = signers.isEmpty ? "no machine says that it does" : "ask \(signers.joined(separator: " or "))"
        var failure = ServerFailure(421, "this machine does not have the cluster's authority; \(who)")
        failure.askAt = signers
        throw failure
    }

    @discardableResult
    func records<Value>(
        _ work: () async throws(RegistryError) -> Value
    ) async throws(ServerFailure) -> Value {
        do {
            return try await work()
        } catch {
            throw ServerFailure(error)
        }
    }

    static func failure(_ error: AuthorityError, _ caller: Caller) -> ServerFailure {
        switch error {
        case .invalid(let words): ServerFailure(400, words)
        // Which of its possible faults a token has is for the audit alone.
        case .badToken(let words): ServerFailure(403, "this token is not good", audit: words)
        case .conflict(let words): ServerFailure(409, words)
        case .missing(let words): ServerFailure(404, words)
        case .identity(let error): ServerFailure(500, error.message)
        case .store(let words): .unavailable(words)
        }
    }

    static func body<Body: Decodable>(_ request: ServerRequest) async throws(ServerFailure) -> Body {
        let bytes = try await request.body()
        do {
            return try JSONDecoder().decode(Body.self, from: Data(bytes))
        } catch {
            throw ServerFailure(400, "the body is not the JSON that this path takes; see /openapi.json")
        }
    }

    static func json(_ value: some Encodable, status: Int = 200) -> ServerReply {
        // These are plain texts and numbers: encoding them cannot fail.
        let bytes = (try? JSONEncoder().encode(value)) ?? Data("{}".utf8)
        return ServerReply(
            status: status, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }
}

extension ServerFailure {
    init(_ error: RegistryError) {
        switch error.code {
        case .notFound: self.init(404, error.reason)
        case .conflict: self.init(409, error.reason)
        case .invalid: self.init(400, error.reason)
        case .store, .timedOut, .otherStore: self = .unavailable(error.reason)
        default: self.init(500, error.reason)
        }
    }
}
