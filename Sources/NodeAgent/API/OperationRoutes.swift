// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Registry

/// The paths for what takes longer than one request.
struct OperationRoutes: Sendable {
    let registry: ClusterRegistry
    let access: RegistryClusterAccess

    /// The most bytes of a request.
    private static let largest = 16 << 10

    var routes: [Route] {
        let orders = OperationOrder.allCases.map { order in
            Route(.orderOperation(order.rawValue)) { (request, names) async throws(ServerFailure) in
                try await self.order(order, names[0], request.caller)
            }
        }
        return [
            Route(.listOperations) { (request, _) async throws(ServerFailure) in try await list(request) },
            Route(.readOperation) { (_, names) async throws(ServerFailure) in try await read(names[0]) },
            Route(.beginOperation) { (request, names) async throws(ServerFailure) in
                try await begin(names[0], request)
            },
            Route(.planOperation) { (request, _) async throws(ServerFailure) in try await plan(request) },
        ] + orders
    }

    // MARK: Looking

    private func list(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let state = try await state().state
        let isWhole = request.queryValues("all").last == "true"
        let listed = state.sortedOperations.filter { isWhole || $0.isLiving }
        return Self.json(API.OperationList(operations: listed.map { Self.entity($0, in: state, hasSteps: false) }))
    }

    private func read(_ text: String) async throws(ServerFailure) -> ServerReply {
        let id = try Self.id(text)
        let state = try await state().state
        guard let operation = state.operations[id] else {
            throw ServerFailure(404, "there is no operation \(id); those that ended are kept for 30 days")
        }
        return Self.json(Self.entity(operation, in: state))
    }

    private func plan(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let (state, revision) = try await state()
        guard let id = OperationID("plan") else { throw ServerFailure(500) }
        let operation = try await record(id, try await Self.wish(request), by: request.caller.name, in: state)
        let forecast = OperationForecast(operation, in: state, revision: revision)
        return Self.json(
            API.OperationPlan(
                steps: forecast.steps.map(Self.entity), state: forecast.state.rawValue,
                reason: forecast.reason.isEmpty ? nil : forecast.reason))
    }

    // MARK: Changing

    private func begin(_ text: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let id = try Self.id(text)
        let (state, _) = try await state()
        let wanted = try await record(id, try await Self.wish(request), by: request.caller.name, in: state)
        let isKnown = state.operations[id] != nil
        do {
            let (operation, revision) = try await registry.create(wanted, at: Self.now)
            await access.wrote(at: revision)
            var reply = Self.json(Self.entity(operation, in: try await self.state().state), status: isKnown ? 200 : 201)
            reply.headers.append((name: "Flotilla-Revision", value: String(revision)))
            if !isKnown { reply.note = "operation \(id): \(Self.words(of: wanted))" }
            return reply
        } catch let failure as ServerFailure {
            throw failure
        } catch let error as RegistryError {
            throw ServerFailure(error)
        } catch {
            throw ServerFailure(500, "\(error)")
        }
    }

    private func order(
        _ order: OperationOrder, _ text: String, _ caller: Caller
    ) async throws(ServerFailure) -> ServerReply {
        let id = try Self.id(text)
        do {
            let (operation, revision) = try await registry.order(order, of: id, by: caller.name, at: Self.now)
            await access.wrote(at: revision)
            var reply = Self.json(Self.entity(operation, in: try await state().state))
            reply.note = "\(order.rawValue) of operation \(id)"
            return reply
        } catch let failure as ServerFailure {
            throw failure
        } catch let error as RegistryError {
            throw ServerFailure(error)
        } catch {
            throw ServerFailure(500, "\(error)")
        }
    }

    // MARK: What is asked for

    private static func id(_ text: String) throws(ServerFailure) -> OperationID {
        guard let id = OperationID(text) else {
            throw ServerFailure(
                400,
                "'\(text.prefix(40))' is no name of an operation: that is 1 to 40 of a-z, 0-9 and -, and no - in front")
        }
        return id
    }

    private static func wish(_ request: ServerRequest) async throws(ServerFailure) -> API.OperationRequest {
        let body = try await request.body()
        guard body.count <= largest else {
            throw ServerFailure(413, "a request for an operation has at most \(largest) bytes")
        }
        guard let wish = try? JSONDecoder().decode(API.OperationRequest.self, from: Data(body)) else {
            throw ServerFailure(400, "the body is no request for an operation in JSON; see /openapi.json")
        }
        return wish
    }

    /// The operation as it would begin.
    private func record(
        _ id: OperationID, _ wish: API.OperationRequest, by person: String, in state: ClusterState
    ) async throws(ServerFailure) -> OperationRecord {
        let limit = wish.limit ?? OperationRecord.standardLimit
        guard (1...OperationRecord.longestLimit).contains(limit) else {
            throw ServerFailure(
                400, "limit is \(limit), which is not from 1 to \(OperationRecord.longestLimit) seconds")
        }
        let kind: OperationRecord.Kind
        switch wish.kind {
        case "drain":
            guard wish.unit == nil else { throw ServerFailure(400, "a drain is of a machine, and takes no unit") }
            let machine = try Self.machine(wish.machine ?? "")
            if state.machines[machine] == nil, state.control[machine] == nil, try await !isMember(machine) {
                throw ServerFailure(404, "there is no machine \(machine.short)")
            }
            kind = .drain(machine)
        case "move":
            guard let name = wish.unit, let unit = state.units[UnitName(unchecked: name)] else {
                throw ServerFailure(404, "there is no unit \((wish.unit ?? "").prefix(255))")
            }
            let target = try wish.machine.map { (text) throws(ServerFailure) in try Self.machine(text) }
            if let target, state.machines[target] == nil {
                throw ServerFailure(404, "machine \(target.short) is not alive")
            }
            kind = .move(unit.name, to: target)
        default:
            let kinds = API.OperationRequest.kinds.joined(separator: ", ")
            throw ServerFailure(400, "there is no kind '\(wish.kind.prefix(40))' of operation; there are: \(kinds)")
        }
        return OperationRecord(id: id, kind: kind, by: person, limit: limit)
    }

    private static func machine(_ text: String) throws(ServerFailure) -> MachineID {
        guard let id = MachineID(text) else { throw ServerFailure(400, "'\(text.prefix(40))' is no machine id") }
        return id
    }

    private func isMember(_ id: MachineID) async throws(ServerFailure) -> Bool {
        do {
            return try await registry.machineIdentity(id).map { $0.revokedAt == nil } ?? false
        } catch {
            throw ServerFailure(error)
        }
    }

    private static func words(of operation: OperationRecord) -> String {
        switch operation.kind {
        case .drain(let machine): "drain of machine \(machine.rawValue)"
        case .move(let unit, let machine): "move of \(unit)" + (machine.map { " to machine \($0.rawValue)" } ?? "")
        case .other(let word): word
        }
    }

    // MARK: Entities

    private static func entity(
        _ operation: OperationRecord, in state: ClusterState, hasSteps: Bool = true
    ) -> API.Operation {
        let waves = hasSteps ? state.sortedWaves(of: operation.id) : state.currentWave(of: operation).map { [$0] } ?? []
        var entity = API.Operation(
            id: operation.id.rawValue, kind: operation.kind.word, by: operation.by, asked: operation.asked,
            state: operation.state.rawValue, reason: operation.reason.isEmpty ? nil : operation.reason,
            limit: operation.limit, ended: operation.ended == 0 ? nil : operation.ended,
            steps: waves.flatMap(\.steps).map(Self.entity))
        switch operation.kind {
        case .drain(let machine):
            entity.machine = machine.rawValue
            if operation.isLiving { entity.left = left(on: machine, in: state) }
        case .move(let unit, let machine):
            entity.unit = unit.rawValue
            entity.machine = machine?.rawValue
        case .other: break
        }
        return entity
    }

    private static func entity(_ step: OperationStep) -> API.OperationStep {
        API.OperationStep(
            unit: step.unit.rawValue, from: step.from.rawValue, to: step.to?.rawValue, result: step.result?.rawValue,
            reason: step.reason.isEmpty ? nil : step.reason)
    }

    /// The units that a machine still has, but for global ones, which stay with it.
    private static func left(on machine: MachineID, in state: ClusterState) -> [String] {
        state.units(on: machine).filter { name in
            guard let unit = state.units[name], let file = state.files[unit.hash] else { return true }
            return !SchedulingOptions(of: file, for: name).isGlobal
        }.map(\.rawValue)
    }

    // MARK: Common

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    private func state() async throws(ServerFailure) -> (state: ClusterState, revision: Int64) {
        do {
            return try await access.state()
        } catch {
            throw ServerFailure(503, "the cluster's state cannot be read: \(error)")
        }
    }

    private static func json(_ value: some Encodable, status: Int = 200) -> ServerReply {
        // These are plain texts and numbers: encoding them cannot fail.
        let bytes = (try? JSONEncoder().encode(value)) ?? Data("{}".utf8)
        return ServerReply(
            status: status, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }
}
