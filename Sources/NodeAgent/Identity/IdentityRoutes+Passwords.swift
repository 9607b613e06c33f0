// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import FleetAPI
import FleetAPIServer
import FleetCore
import Registry

/// Passwords of etcd's users: `cluster store rotate-passwords` asks, machines answer.
extension IdentityRoutes {
    var passwordRoutes: [Route] {
        [
            Route(.setMachinePassword) { (request, names) async throws(ServerFailure) in
                try await setPassword(names[0], request)
            },
            Route(.rotateMachinePassword) { (_, names) async throws(ServerFailure) in
                try await askForPassword(names[0])
            },
            Route(.rotateRootPassword) { (request, _) async throws(ServerFailure) in
                try await rotateRootPassword(request)
            },
        ]
    }

    /// Sets the password that a machine has made for its own user.
    func setPassword(_ id: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        guard let machine = MachineID(id) else { throw ServerFailure(400, "no machine id") }
        let body: API.StorePassword = try await Self.body(request)
        do throws(AuthorityError) {
            try await desk.setPassword(of: machine, to: body.password)
        } catch {
            throw Self.failure(error, request.caller)
        }
        var reply = ServerReply(status: 204)
        reply.note = "machine \(machine.rawValue) has a new password in etcd"
        return reply
    }

    /// Notes that a machine is to take a new password; it finds that in its own record.
    func askForPassword(_ id: String) async throws(ServerFailure) -> ServerReply {
        guard let machine = MachineID(id) else { throw ServerFailure(400, "no machine id") }
        let identity = try await records { () throws(RegistryError) in try await registry.machineIdentity(machine) }
        guard let identity, identity.revokedAt == nil else {
            throw ServerFailure(404, "there is no machine \(machine.short) in the cluster")
        }
        guard !identity.usesGates else {
            throw ServerFailure(409, "machine \(machine.short) uses etcd through gates and has no password there")
        }
        try await records { () throws(RegistryError) in try await registry.askForPassword(of: machine) }
        var reply = ServerReply(status: 204)
        reply.note = "machine \(machine.rawValue) is to take a new password in etcd"
        return reply
    }

    func rotateRootPassword(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let desk = try await signingDesk()
        do throws(AuthorityError) {
            switch try await desk.changeRootPassword() {
            case .changed:
                var reply = Self.json(API.RootPasswordReport())
                reply.note = "etcd's root has a new password"
                return reply
            case .kept(let why):
                var reply = Self.json(API.RootPasswordReport(kept: why))
                reply.isRoutine = true
                return reply
            }
        } catch {
            throw Self.failure(error, request.caller)
        }
    }
}
