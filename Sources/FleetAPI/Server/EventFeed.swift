// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials

/// One client's stream of events: what it asked for, and the pump that serves it.
package struct EventFeed: Sendable {
    /// Units whose events are wanted; empty means everything, machines included.
    let units: Set<UnitName>
    /// Whether the present state comes first.
    let snapshot: Bool
    let keepAlive: Duration
    let updates: AsyncThrowingStream<ClusterUpdate, any Error>
    let mailbox: EventMailbox

    init(
        units: Set<UnitName>, snapshot: Bool, keepAlive: Duration,
        updates: AsyncThrowingStream<ClusterUpdate, any Error>, mailbox: EventMailbox = EventMailbox()
    ) {
        self.units = units
        self.snapshot = snapshot
        self.keepAlive = keepAlive
        self.updates = updates
        self.mailbox = mailbox
    }

    /// Ends the feed: `run` writes what waits and returns.
    package func close() { mailbox.close() }

    /// Writes events until the feed is closed, the followed updates end or `write` throws.
    ///
    /// - Parameter write: Takes whole events and comments; returning slowly slows the feed down.
    /// - Throws: What `write` throws.
    package func run(write: ([UInt8]) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // However following ends, the client learns it by the end of the stream and connects again.
                defer { mailbox.close() }
                for try await update in updates { mailbox.put(update) }
            }
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: keepAlive)
                    mailbox.remindToKeepAlive()
                }
            }
            defer { group.cancelAll() }
            var previous: ClusterState?
            while let content = await mailbox.take() {
                var text = ""
                if let update = content.update {
                    text = try previous.map { try changes(update, since: $0) } ?? opening(update)
                    previous = update.state
                }
                // An event is as good as a comment at keeping the connection.
                if text.isEmpty, content.isKeepAliveDue { text = ": keep-alive\n\n" }
                if !text.isEmpty { try await write(Array(text.utf8)) }
            }
        }
    }

    // MARK: Events

    /// The snapshot, if wanted, and the event `sync`.
    private func opening(_ update: ClusterUpdate) throws -> String {
        var text = ""
        if snapshot {
            let state = update.state
            for unit in state.sortedUnits where wants(unit.name) {
                text += try encode(.unit(state.entity(of: unit)), update.revision)
            }
            for name in state.states.keys.sorted() where wants(name) {
                for report in state.sortedStates(of: name) {
                    text += try encode(.state(API.UnitState(report)), update.revision)
                }
            }
            for machine in state.sortedMachines where units.isEmpty {
                text += try encode(.machine(API.Machine(machine)), update.revision)
            }
        }
        return text + (try encode(.sync, update.revision))
    }

    /// An event for each entity that looks different after `update`, in the order in which changes touched them.
    ///
    /// Comparing whole entities drops what clients cannot see, and makes one event of several changes that came together.
    private func changes(_ update: ClusterUpdate, since previous: ClusterState) throws -> String {
        var text = ""
        var seen: Set<Subject> = []
        let touched =
            update.replacesAll
            ? Subject.all(in: previous, update.state)
            : update.changes.flatMap { Subject.touched(by: $0, from: previous, to: update.state) }
        for subject in touched where wants(subject) && seen.insert(subject).inserted {
            guard let change = subject.difference(from: previous, to: update.state) else { continue }
            text += try encode(change, update.revision)
        }
        return text
    }

    private func wants(_ name: UnitName) -> Bool { units.isEmpty || units.contains(name) }

    private func wants(_ subject: Subject) -> Bool {
        switch subject {
        case .unit(let name): wants(name)
        case .state(let name, _): wants(name)
        case .machine: units.isEmpty
        }
    }

    private func encode(_ change: API.Event.Change, _ revision: Int64) throws -> String {
        let event = API.Event(revision: revision, change: change)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        // JSON holds no bare newline, so one line of data is enough.
        let data = String(decoding: try encoder.encode(event.data), as: UTF8.self)
        return "event: \(event.name)\nid: \(event.revision)\ndata: \(data)\n\n"
    }
}

/// An entity that events are about.
private enum Subject: Hashable {
    case unit(UnitName)
    case state(UnitName, MachineID)
    case machine(MachineID)

    /// The entities that `change` may have altered.
    static func touched(by change: ClusterEvent, from old: ClusterState, to new: ClusterState) -> [Subject] {
        switch change {
        case .machinePut(let machine): touched(by: machine.id, from: old, to: new)
        case .machineGone(let id): touched(by: id, from: old, to: new)
        case .metadataPut(let id, _), .metadataGone(let id): [.machine(id)]
        case .unitPut(let unit): [.unit(unit.name)]
        case .unitGone(let name): [.unit(name)]
        case .assignmentPut(let assignment): [.unit(assignment.unit)]
        case .assignmentGone(_, let name): [.unit(name)]
        case .statePut(let state): [.state(state.unit, state.machine), .unit(state.unit)]
        case .stateGone(let machine, let name): [.state(name, machine), .unit(name)]
        case .controlPut(let id, _), .controlGone(let id): [.machine(id)]
        // Clients are told of units, their states and machines, and of nothing else.
        default: []
        }
    }

    /// The machine and, when it came or went, the units that are assigned to it: only one that is there is a unit's machine.
    private static func touched(by id: MachineID, from old: ClusterState, to new: ClusterState) -> [Subject] {
        guard (old.machines[id] == nil) != (new.machines[id] == nil) else { return [.machine(id)] }
        return [.machine(id)] + Set(old.units(on: id)).union(new.units(on: id)).sorted().map { .unit($0) }
    }

    /// Every entity of either state, in the order of a snapshot.
    static func all(in old: ClusterState, _ new: ClusterState) -> [Subject] {
        let units = Set(old.units.keys).union(new.units.keys).sorted()
        let names = Set(old.states.keys).union(new.states.keys).sorted()
        let machines = Set(old.machines.keys).union(new.machines.keys).sorted()
        let states = names.flatMap { name in
            Set((old.states[name] ?? [:]).keys).union((new.states[name] ?? [:]).keys).sorted().map {
                Subject.state(name, $0)
            }
        }
        return units.map(Subject.unit) + states + machines.map(Subject.machine)
    }

    /// What a client is told; `nil` when it would see no difference.
    func difference(from old: ClusterState, to new: ClusterState) -> API.Event.Change? {
        switch self {
        case .unit(let name):
            let before = old.units[name].map(old.entity)
            guard let record = new.units[name] else { return before == nil ? nil : .unitRemoved(name: name.rawValue) }
            let after = new.entity(of: record)
            return before == after ? nil : .unit(after)
        case .state(let name, let machine):
            let before = old.states[name]?[machine].map(API.UnitState.init)
            guard let report = new.states[name]?[machine] else {
                return before == nil ? nil : .stateRemoved(name: name.rawValue, machineID: machine.rawValue)
            }
            let after = API.UnitState(report)
            return before == after ? nil : .state(after)
        case .machine(let id):
            let before = old.machines[id].map(API.Machine.init)
            guard let record = new.machines[id] else { return before == nil ? nil : .machineRemoved(id: id.rawValue) }
            let after = API.Machine(record)
            return before == after ? nil : .machine(after)
        }
    }
}

extension APIService {
    /// Starts a stream of events for `unit=` as often as given, or for everything, with a snapshot if `snapshot=true`.
    func openEvents(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        var units: Set<UnitName> = []
        for name in request.queryValues("unit") { units.insert(try UnitRules.name(name)) }
        let feed = EventFeed(
            units: units, snapshot: request.queryValues("snapshot").last == "true", keepAlive: keepAlive,
            updates: try await cluster { access throws(ClusterAccessError) in try await access.updates() })
        return ServerReply(
            status: 200,
            headers: [(name: "Content-Type", value: "text/event-stream"), (name: "Cache-Control", value: "no-store")],
            body: .stream(feed))
    }
}
