// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// One machine of the model: the agent's core, its systemd, and what they have told each other.
struct ModelMachine {
    let record: MachineRecord
    var core: AgentCore
    var isUp = true
    /// The session that the agent believes in.
    var session: Int?
    var registration: Int64 = 0
    /// Raised whenever answers to what was asked before are dropped: the agent was restarted, or lost its session.
    var generation = 0
    /// How far the agent has followed its orders.
    var seen: Int64 = 0
    var wake: Moment?
    /// systemd: unit files, running units with the file they were started from, and words that are on their way.
    var files: [UnitName: ContentHash] = [:]
    var running: [UnitName: ContentHash] = [:]
    /// Notes of what was ordered to start, which outlive the agent.
    var started: [UnitName: ContentHash] = [:]
    var words: [Observation] = []

    var id: MachineID { record.id }

    init(_ record: MachineRecord) {
        self.record = record
        core = AgentCore(machine: record.id)
    }

    /// The event with which an agent enters its session, from what the store and systemd say now.
    mutating func entering(_ store: ModelStore) -> AgentEvent {
        seen = store.revision
        registration = store.registrations[id] ?? 0
        words = []
        let installed = files.sorted { $0.key < $1.key }.map {
            InstalledFile(unit: $0.key, hash: $0.value, isKept: false, startedHash: started[$0.key])
        }
        return .entered(
            own: store.ownStates(of: id), orders: store.orders(of: id), installed: installed,
            observed: installed.map { observation($0.unit) })
    }

    private func observation(_ unit: UnitName) -> Observation {
        let isRunning = running[unit] != nil
        return Observation(
            unit: unit, load: "loaded", active: isRunning ? "active" : "inactive", sub: isRunning ? "running" : "dead")
    }

    /// systemd does what it is asked, and says so later.
    mutating func perform(_ work: ModelWork) -> AgentEvent {
        switch work {
        case .install(let order):
            files[order.unit] = order.assignment.hash
            return .installed(InstalledFile(unit: order.unit, hash: order.assignment.hash, isKept: false))
        case .uninstall(let unit):
            files[unit] = nil
            return .uninstalled([unit])
        case .start(let unit):
            started[unit] = files[unit]
            running[unit] = running[unit] ?? files[unit]
            words.append(observation(unit))
            return .issued(unit)
        case .restart(let unit):
            started[unit] = files[unit]
            running[unit] = files[unit]
            words.append(observation(unit))
            return .issued(unit)
        case .stop(let unit):
            started[unit] = nil
            running[unit] = nil
            words.append(observation(unit))
            return .stopped(unit)
        }
    }

    /// Everything is stopped because the session may end.
    mutating func fence() -> AgentEvent {
        running = [:]
        started = [:]
        session = nil
        generation += 1
        return .left
    }

    /// The power goes: nothing in memory or in the runtime folder survives.
    mutating func crash() {
        isUp = false
        (running, files, words, session, wake) = ([:], [:], [], nil, nil)
        started = [:]
        generation += 1
        core = AgentCore(machine: id)
    }
}

/// What an agent asks of its systemd.
enum ModelWork {
    case install(Order)
    case uninstall(UnitName)
    case start(UnitName)
    case restart(UnitName)
    case stop(UnitName)

    var failure: AgentEvent {
        switch self {
        case .install(let order): .installFailed(order.unit, reason: "disk full", .standing)
        case .start(let unit), .restart(let unit): .issueFailed(unit, reason: "no answer")
        case .stop(let unit): .stopFailed(unit, reason: "no answer")
        case .uninstall(let unit): .uninstalled([unit])
        }
    }
}

/// What is under way between the parts; any message may overtake any other.
enum ModelMessage {
    case claim([Order], machine: Int, generation: Int, registration: Int64)
    case publish([UnitState], machine: Int, generation: Int, registration: Int64)
    case withdraw([UnitName], machine: Int, generation: Int, registration: Int64)
    case work(ModelWork, machine: Int, generation: Int)
    case answer(AgentEvent, machine: Int, generation: Int)
    case commit(ScheduleStep, epoch: Int64)
    case committed(ScheduleStep, epoch: Int64, revision: Int64?)
}
