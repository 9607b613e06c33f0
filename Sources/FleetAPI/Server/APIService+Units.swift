// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials

extension APIService {
    func listUnits(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let wanted = try PageRequest(request)
        let state = try await cluster { access throws(ClusterAccessError) in try await access.state().state }
        let page = wanted.slice(state.sortedUnits)
        return try Self.json(API.UnitPage(units: page.entries.map(state.entity), nextPageToken: page.next))
    }

    func readUnit(_ name: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let (state, unit) = try await find(name)
        var entity = state.detailedEntity(of: unit)
        // A global unit has no machine of its own, so what counts is whether any machine has it.
        let isNowhere =
            entity.machineID == nil && (!state.isGlobal(unit) || state.livingAssignments(of: unit.name).isEmpty)
        if unit.target > .inactive, isNowhere {
            let reasons = try await cluster { access throws(ClusterAccessError) in try await access.explain(unit.name) }
            entity.reason = reasons.isEmpty ? nil : reasons.joined(separator: "; ")
        }
        if lag.holds(name, for: request) { entity.currentState = TargetState.launched.rawValue }
        return try Self.json(entity)
    }

    func destroyUnit(_ name: String) async throws(ServerFailure) -> ServerReply {
        let unit = try await find(name).unit.name
        let revision = try await cluster { access throws(ClusterAccessError) in try await access.destroyUnit(unit) }
        return Self.written(204, revision: revision)
    }

    func restartUnit(_ name: String) async throws(ServerFailure) -> ServerReply {
        let (state, unit) = try await find(name)
        if let operation = state.operation(holding: unit.name) { throw .held(unit.name, by: operation) }
        guard unit.target == .launched else {
            throw ServerFailure(
                409, "unit \(name) is \(unit.target.rawValue), so there is nothing to restart; start it")
        }
        let revision = try await cluster { access throws(ClusterAccessError) in
            try await access.requestRestart(unit.name)
        }
        return Self.written(204, revision: revision)
    }

    func explainUnit(_ name: String) async throws(ServerFailure) -> ServerReply {
        let (state, unit) = try await find(name)
        let reasons = try await cluster { access throws(ClusterAccessError) in try await access.explain(unit.name) }
        return try Self.json(
            API.Explanation(
                name: name, desiredState: unit.target.rawValue,
                currentState: state.entity(of: unit).currentState ?? TargetState.inactive.rawValue,
                machineIDs: state.livingAssignments(of: unit.name).map(\.machine.rawValue), reasons: reasons))
    }

    private func find(_ name: String) async throws(ServerFailure) -> (state: ClusterState, unit: UnitRecord) {
        let state = try await cluster { access throws(ClusterAccessError) in try await access.state().state }
        guard let unit = state.units[UnitName(unchecked: name)] else {
            throw ServerFailure(404, "unit does not exist")
        }
        return (state, unit)
    }
}
