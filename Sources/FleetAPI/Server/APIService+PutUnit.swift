// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore

/// `PUT /units/{name}`: one request of fleet's that creates a unit, replaces its file, or changes what is wanted of it.
///
/// The order of the checks is that of fleet's server. Where fleet has a known fault we refuse with 400 instead: an unknown
/// desired state, a template that is created as launched, and bad options in a replacement.
extension APIService {
    func putUnit(_ name: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let entity = try Self.decodeUnit(try await Self.jsonBody(of: request))
        guard entity.name.isEmpty || entity.name == name else {
            throw ServerFailure(400, "the name in the body, \(entity.name), is not the one in the URL, \(name)")
        }
        let unit = try UnitRules.name(name)
        // Somebody else may create or destroy the unit between our look and our write: then look again.
        for _ in 0..<3 {
            let (state, revision) = try await cluster { access throws(ClusterAccessError) in try await access.state() }
            do throws(Attempt) {
                if let record = state.units[unit] {
                    try refuseHeld(record, entity, in: state, request)
                    let reply = try await change(record, as: entity, in: state, at: revision)
                    let isStop = record.target == .launched && entity.desiredState == TargetState.loaded.rawValue
                    lag.note(name, isStop: isStop && state.current(of: unit).state == .launched, request)
                    return reply
                }
                return try await create(unit, as: entity, in: state, at: revision)
            } catch {
                if case .refused(let failure) = error { throw failure }
            }
        }
        throw ServerFailure(409, "others change unit \(name), or names of units, at the same time; try again")
    }

    /// Refuses what would change a unit that an operation has on its way, but for what takes it down: that never waits.
    ///
    /// fleet's own client knows nothing of operations, and is not refused.
    private func refuseHeld(
        _ record: UnitRecord, _ entity: API.Unit, in state: ClusterState, _ request: ServerRequest
    ) throws(Attempt) {
        let target = entity.desiredState.flatMap { TargetState(rawValue: $0) } ?? record.target
        guard target >= record.target, !FleetClientLag.isFleetClient(request),
            let operation = state.operation(holding: record.name)
        else { return }
        throw .refused(.held(record.name, by: operation))
    }

    /// Why an attempt led to nothing.
    private enum Attempt: Error {
        case lostRace
        case refused(ServerFailure)
    }

    private func create(
        _ unit: UnitName, as entity: API.Unit, in state: ClusterState, at checked: Int64
    ) async throws(Attempt) -> ServerReply {
        guard let file = try Self.refusing({ () throws(ServerFailure) in try UnitRules.file(of: entity) }) else {
            throw .refused(ServerFailure(409, "unit \(unit) does not exist and options field empty"))
        }
        let target = try Self.refusing { () throws(ServerFailure) in
            try UnitRules.validate(file, of: unit, in: state)
            return try UnitRules.target(entity.desiredState, of: unit)
        }
        let revision = try await write { access throws(ClusterAccessError) in
            try await access.createUnit(unit, file: file, target: target ?? .inactive, checkedAt: checked)
        }
        return Self.written(201, revision: revision)
    }

    private func change(
        _ record: UnitRecord, as entity: API.Unit, in state: ClusterState, at checked: Int64
    ) async throws(Attempt) -> ServerReply {
        let replacement = try Self.refusing { () throws(ServerFailure) in
            try UnitRules.replacement(of: record, by: entity, in: state)
        }
        if replacement == nil, entity.desiredState == nil {
            throw .refused(
                ServerFailure(409, "unit \(record.name) exists with the same file, and no desiredState is given"))
        }
        let target = try Self.refusing { () throws(ServerFailure) in
            if let replacement { try UnitRules.validate(replacement, of: record.name, in: state) }
            return try UnitRules.target(entity.desiredState, of: record.name)
        }
        if let replacement {
            let revision = try await write { access throws(ClusterAccessError) in
                try await access.replaceUnit(
                    record.name, file: replacement, target: target ?? .inactive, checkedAt: checked)
            }
            return Self.written(201, revision: revision)
        }
        let revision = try await write { access throws(ClusterAccessError) in
            try await access.setTarget(record.name, to: target ?? .inactive)
        }
        return Self.written(204, revision: revision)
    }

    private static func refusing<Value>(_ check: () throws(ServerFailure) -> Value) throws(Attempt) -> Value {
        do {
            return try check()
        } catch {
            throw .refused(error)
        }
    }

    private func write(
        _ work: (any ClusterAccess) async throws(ClusterAccessError) -> Int64
    ) async throws(Attempt) -> Int64 {
        do {
            return try await work(access)
        } catch .exists, .missing {
            throw .lostRace
        } catch {
            throw .refused(ServerFailure(error))
        }
    }

    // MARK: Bodies

    /// The body of a request that says, once, that it is JSON.
    private static func jsonBody(of request: ServerRequest) async throws(ServerFailure) -> [UInt8] {
        let types = request.values(of: "content-type")
        guard types.count == 1, let type = types.first else {
            throw ServerFailure(415, "the request needs exactly one Content-Type: application/json")
        }
        let media = type.prefix { $0 != ";" }.trimmingBlanks.lowercased()
        guard media == "application/json" else {
            throw ServerFailure(415, "Content-Type must be application/json, not \(media)")
        }
        return try await request.body()
    }

    private static func decodeUnit(_ body: [UInt8]) throws(ServerFailure) -> API.Unit {
        do {
            return try FleetJSON.decode(API.Unit.self, from: body)
        } catch {
            throw ServerFailure(400, "the body is no unit in JSON")
        }
    }
}

extension Substring {
    /// Without blanks and tabs at both ends.
    fileprivate var trimmingBlanks: Substring {
        var text = drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return text
    }
}
