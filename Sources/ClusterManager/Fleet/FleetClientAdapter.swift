// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
package import FleetAPIClient
package import FleetCore

/// The cluster behind its HTTP API, as the commands see it; the one place that knows both sides.
package struct FleetClientAdapter: FleetService {
    let client: FleetClient
    /// Told of news that come with no answer's age.
    private let ages: AnswerAges

    package init(_ client: FleetClient, ages: AnswerAges = AnswerAges()) {
        self.client = client
        self.ages = ages
    }

    /// Carries out a request and puts what goes wrong into this program's words.
    private func asked<Answer>(_ request: () async throws(APIError) -> Answer) async throws -> Answer {
        do {
            return try await request()
        } catch {
            throw ClusterManagerError(error)
        }
    }

    package func units() async throws -> [FleetUnit] {
        try await asked { () async throws(APIError) in try await client.units() }.map(FleetUnit.init)
    }

    package func unit(_ name: UnitName) async throws -> FleetUnit? {
        do {
            return try FleetUnit(try await client.unit(name.rawValue))
        } catch let error as APIError {
            if error.code == .notFound { return nil }
            throw ClusterManagerError(error)
        }
    }

    package func create(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        let unit = API.Unit(name: name.rawValue, desiredState: target.rawValue, contents: file.text)
        _ = try await asked { () async throws(APIError) in try await client.create(unit) }
    }

    package func replace(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        let unit = API.Unit(name: name.rawValue, desiredState: target.rawValue, contents: file.text)
        _ = try await asked { () async throws(APIError) in try await client.replace(unit) }
    }

    package func setTarget(_ target: TargetState, of name: UnitName) async throws {
        _ = try await asked { () async throws(APIError) in try await client.setTarget(name.rawValue, to: target) }
    }

    package func restart(_ name: UnitName) async throws {
        _ = try await asked { () async throws(APIError) in try await client.restart(name.rawValue) }
    }

    package func destroy(_ name: UnitName) async throws -> Bool {
        do {
            _ = try await client.destroy(name.rawValue)
            return true
        } catch {
            if error.code == .notFound { return false }
            throw ClusterManagerError(error)
        }
    }

    package func states(of unit: UnitName?) async throws -> [FleetUnitState] {
        try await asked { () async throws(APIError) in try await client.states(unit: unit?.rawValue) }
            .map(FleetUnitState.init)
    }

    package func machines() async throws -> [FleetMachine] {
        try await asked { () async throws(APIError) in try await client.machines() }.map(FleetMachine.init)
    }

    package func explanation(of name: UnitName) async throws -> FleetExplanation? {
        do {
            let answer = try await client.explain(name.rawValue)
            return FleetExplanation(
                desired: answer.desiredState, current: answer.currentState, machines: answer.machineIDs,
                reasons: answer.reasons)
        } catch {
            if error.code == .notFound { return nil }
            throw ClusterManagerError(error)
        }
    }

    package func changeMetadata(of machine: String, _ changes: [MetadataEdit]) async throws {
        let patches = changes.map { change in
            switch change {
            case .set(let key, let value):
                API.MetadataPatch(op: "add", path: "/\(machine)/metadata/\(key)", value: value)
            case .delete(let key): API.MetadataPatch(op: "remove", path: "/\(machine)/metadata/\(key)")
            }
        }
        try await asked { () async throws(APIError) in try await client.patchMetadata(patches) }
    }

    package func events(of units: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error> {
        let stream = try await asked { () async throws(APIError) in
            try await client.events(units: units.map(\.rawValue), snapshot: true)
        }
        return AsyncThrowingStream { [ages] continuation in
            let pump = Task {
                do {
                    var isCurrent = false
                    for try await event in stream {
                        let event = try FleetEvent(event)
                        // The present state may be one from memory; what comes behind it etcd has told just now.
                        if isCurrent { ages.clear() }
                        if event == .synchronised { isCurrent = true }
                        continuation.yield(event)
                    }
                    continuation.finish()
                } catch let error as APIError {
                    continuation.finish(throwing: ClusterManagerError(error))
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in pump.cancel() }
        }
    }
}

extension ClusterManagerError {
    /// The client's message stands as it is: it says what failed, on what, why, and what to do.
    package init(_ error: APIError) {
        let code: Code =
            switch error.code {
            case .invalidEndpoint: .usage
            case .unreachable, .timedOut, .connectionLost, .cancelled: .unreachable
            case .unavailable: .unavailable
            case .held: .held
            case .conflict, .refused, .server: .refused
            case .notFound: .unit
            case .malformedAnswer: .protocolViolation
            }
        self.init(code, error.message, isTransient: error.isTransient)
    }
}

extension FleetUnit {
    /// - Throws: `ClusterManagerError.protocolViolation` for a file or a state that this program does not understand.
    package init(_ unit: API.Unit) throws {
        func fail(_ what: String) -> ClusterManagerError {
            ClusterManagerError(.protocolViolation, "the cluster's answer about unit \(unit.name) has \(what)")
        }
        func state(_ text: String?) throws -> TargetState? {
            guard let text else { return nil }
            guard let state = TargetState(rawValue: text) else { throw fail("the unknown state '\(text)'") }
            return state
        }
        let file: UnitFile
        do {
            file = try Self.file(of: unit)
        } catch {
            throw fail("an unusable unit file: \(error.message)")
        }
        self.init(
            name: UnitName(unchecked: unit.name), file: unit.hash.flatMap { ContentHash($0) }.map(file.named) ?? file,
            desired: try state(unit.desiredState) ?? .inactive,
            current: try state(unit.currentState), machine: unit.machineID, reason: unit.reason,
            restarts: unit.restarts)
    }

    /// The author's text where the answer carries it, else what the options alone give.
    private static func file(of unit: API.Unit) throws(UnitFileError) -> UnitFile {
        if let contents = unit.contents { return try UnitFile(parsing: contents) }
        return try UnitFile(
            options: unit.options.map { UnitOption(section: $0.section, name: $0.name, value: $0.value) }, stored: true)
    }
}

extension FleetUnitState {
    package init(_ state: API.UnitState) {
        self.init(
            name: UnitName(unchecked: state.name), machine: state.machineID, hash: state.hash,
            load: state.systemdLoadState, active: state.systemdActiveState, sub: state.systemdSubState,
            since: state.since, health: state.health.map { FleetUnitState.worded($0) },
            acted: state.acted.flatMap { TargetState(rawValue: $0) } ?? (state.health == nil ? nil : .launched),
            restarts: state.restarts, automaticRestarts: state.automaticRestarts)
    }
}

extension FleetMachine {
    package init(_ machine: API.Machine) {
        self.init(
            id: machine.id, address: machine.primaryIP, metadata: machine.metadata, name: machine.name ?? "",
            isCordoned: machine.cordoned ?? false, trouble: machine.trouble ?? "",
            isClosed: machine.closed ?? false)
    }
}

extension FleetEvent {
    package init(_ event: API.Event) throws {
        self =
            switch event.change {
            case .unit(let unit): .unit(try FleetUnit(unit))
            case .unitRemoved(let name): .unitGone(UnitName(unchecked: name))
            case .state(let state): .state(FleetUnitState(state))
            case .stateRemoved(let name, let machine): .stateGone(UnitName(unchecked: name), machine: machine)
            case .machine(let machine): .machine(FleetMachine(machine))
            case .machineRemoved(let id): .machineGone(id)
            case .sync: .synchronised
            }
    }
}
