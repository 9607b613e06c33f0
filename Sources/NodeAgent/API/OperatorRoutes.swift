// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import FoundationEssentials
import HTTPTransport
import Registry
import Systemd

/// The paths with which operators handle machines and the whole cluster.
struct OperatorRoutes: Sendable {
    let registry: ClusterRegistry
    let access: RegistryClusterAccess
    /// This machine.
    let machine: MachineID
    let units: any UnitManager
    /// How this machine proves itself to others; `nil` where there are no identities.
    let tls: TLSSettings?
    /// Restarts this machine.
    let reboot: @Sendable () async throws(SystemdError) -> Void

    var routes: [Route] {
        let changes = ControlChange.allCases.map { change in
            Route(.control(change.rawValue)) { (request, names) async throws(ServerFailure) in
                try await control(names[0], change, request.caller)
            }
        }
        return changes + [
            Route(.readControl) { (_, names) async throws(ServerFailure) in
                try await report(try Self.machine(names[0]))
            },
            Route(.rebootMachine) { (_, names) async throws(ServerFailure) in
                try await reboot(try Self.machine(names[0]))
            },
            // What the machine that was asked passes on to the one that is meant.
            Route(.rebootPeer) { (_, _) async throws(ServerFailure) in try await reboot(machine) },
            Route(.readBrake) { (_, _) async throws(ServerFailure) in try await brake() },
            Route(.releaseBrake) { (_, _) async throws(ServerFailure) in try await releaseBrake() },
            Route(.readBackup) { (_, _) async throws(ServerFailure) in try await backup() },
            Route(.restoreBackup) { (request, _) async throws(ServerFailure) in try await restore(request) },
        ]
    }

    private static func machine(_ text: String) throws(ServerFailure) -> MachineID {
        guard let id = MachineID(text) else { throw ServerFailure(400, "'\(text.prefix(40))' is no machine id") }
        return id
    }

    // MARK: One machine

    private func control(
        _ text: String, _ change: ControlChange, _ caller: Caller
    ) async throws(ServerFailure) -> ServerReply {
        let id = try Self.machine(text)
        let (state, _) = try await state()
        // One that is off may be cordoned for its return, if it is one of the cluster.
        if state.machines[id] == nil, state.control[id] == nil, try await !isMember(id) {
            throw ServerFailure(404, "there is no machine \(id.short), and nothing is wanted of one")
        }
        do {
            let revision = try await registry.control(
                id, change, by: caller.name, at: Int64(Date().timeIntervalSince1970 * 1000))
            await access.wrote(at: revision)
        } catch {
            throw ServerFailure(error)
        }
        var reply = try await report(id)
        reply.note = "\(change.rawValue) of machine \(id.rawValue)"
        return reply
    }

    private func isMember(_ id: MachineID) async throws(ServerFailure) -> Bool {
        do {
            return try await registry.machineIdentity(id).map { $0.revokedAt == nil } ?? false
        } catch {
            throw ServerFailure(error)
        }
    }

    private func report(_ id: MachineID) async throws(ServerFailure) -> ServerReply {
        let (state, _) = try await state()
        let wanted = state.control[id]
        // Global units belong to their machine and are not handed over. What is ordered off the machine is on it until it is down.
        let units = state.units(on: id).filter { name in
            guard let unit = state.units[name], let file = state.files[unit.hash] else { return true }
            return !SchedulingOptions(of: file, for: name).isGlobal
        }
        var held: [String: String]?
        if wanted?.isDraining == true {
            var reasons: [String: String] = [:]
            for unit in units where state.assignments[unit]?[id] != nil {
                reasons[unit.rawValue] = (try? await access.explain(unit))?.first
            }
            held = reasons
        }
        return Self.json(
            API.Control(
                machine: id.rawValue, cordoned: wanted?.isCordoned ?? false, draining: wanted?.isDraining ?? false,
                since: wanted?.since ?? 0, by: wanted?.by ?? "", units: units.map(\.rawValue), held: held))
    }

    private func reboot(_ id: MachineID) async throws(ServerFailure) -> ServerReply {
        if id == machine {
            do throws(SystemdError) {
                try await reboot()
            } catch {
                throw ServerFailure(500, "systemd does not reboot machine \(id.short): \(error.message)")
            }
            var reply = ServerReply(status: 202)
            reply.note = "reboot of machine \(id.rawValue)"
            return reply
        }
        let (state, _) = try await state()
        guard let record = state.machines[id] else { throw ServerFailure(404, "machine \(id.short) is not alive") }
        guard let tls, let endpoint = PeerEndpoint.read(record.apiAddress, isSecured: true) else {
            throw ServerFailure(
                409, "machine \(id.short) has no API that this one may use; reboot it there: systemctl reboot")
        }
        do {
            let client = FleetClient(
                endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: tls), deadline: .seconds(10))
            try await client.rebootPeer()
        } catch {
            throw ServerFailure(502, "machine \(id.short) does not do it: \(error.message)")
        }
        var reply = ServerReply(status: 202)
        reply.note = "reboot of machine \(id.rawValue)"
        return reply
    }

    // MARK: The cluster

    private func brake() async throws(ServerFailure) -> ServerReply {
        let (state, _) = try await state()
        guard let brake = state.brake else { return Self.json(API.BrakeReport(isSet: false)) }
        return Self.json(
            API.BrakeReport(
                isSet: true, words: "\(brake)", lost: brake.lost.map(\.rawValue), seen: brake.seen, since: brake.since))
    }

    private func releaseBrake() async throws(ServerFailure) -> ServerReply {
        do {
            guard let revision = try await registry.releaseBrake() else {
                throw ServerFailure(409, "the brake is not set")
            }
            await access.wrote(at: revision)
        } catch let failure as ServerFailure {
            throw failure
        } catch let error as RegistryError {
            throw ServerFailure(error)
        } catch {
            throw ServerFailure(500, "\(error)")
        }
        var reply = ServerReply(status: 204)
        reply.note = "brake released"
        return reply
    }

    private func backup() async throws(ServerFailure) -> ServerReply {
        do throws(RegistryError) {
            let (backup, problems) = try await registry.backup(at: Int64(Date().timeIntervalSince1970 * 1000))
            var reply = ServerReply(
                status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes(backup.bytes))
            // Not in the body, which is the file; who keeps it should know what is missing.
            if !problems.isEmpty {
                let words = problems.prefix(20).map { "\($0.key): \($0.reason)" }.joined(separator: "; ")
                reply.headers.append((name: "Flotilla-Missing", value: words))
            }
            return reply
        } catch {
            throw ServerFailure(error)
        }
    }

    private func restore(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let bytes = try await request.body()
        do throws(RegistryError) {
            let backup = try ClusterBackup(parsing: bytes)
            let report = try await registry.restore(
                backup, overwrite: request.queryValues("overwrite").last == "true",
                withMembers: request.queryValues("members").last == "true")
            await access.wrote(at: report.revision)
            var reply = Self.json(
                API.Restoration(
                    units: report.units, others: report.others, kept: report.kept,
                    leftOut: report.leftOut > 0 ? report.leftOut : nil))
            reply.note = "\(report.units) units and \(report.others) other records restored"
            return reply
        } catch {
            throw ServerFailure(error)
        }
    }

    // MARK: Common

    private func state() async throws(ServerFailure) -> (ClusterState, Int64) {
        do {
            let (state, revision) = try await access.state()
            return (state, revision)
        } catch {
            throw ServerFailure(503, "the cluster's state cannot be read: \(error)")
        }
    }

    private static func json(_ value: some Encodable) -> ServerReply {
        // These are plain texts and numbers: encoding them cannot fail.
        let bytes = (try? JSONEncoder().encode(value)) ?? Data("{}".utf8)
        return ServerReply(
            status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }
}
