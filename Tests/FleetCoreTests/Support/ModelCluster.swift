// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Agents and an engine on a model store, driven by one seed: delays, overtaking, lost answers, lost sessions, power cuts,
/// restarts of agents and changes of leader.
struct ModelCluster {
    var store = ModelStore()
    var machines: [ModelMachine] = []
    private var engine: (core: Engine, epoch: Int64, seen: Int64)?
    private var messages: [ModelMessage] = []
    /// Sessions that nobody renews any more and that the store will end.
    private var abandoned: [(session: Int, machine: MachineID)] = []
    private var now = Moment(nanoseconds: 0)
    private var text = ClusterText()
    private var generator: SeededGenerator
    /// What happened, when it is asked for: a run without it is several times faster.
    private(set) var history: [String] = []
    private let isTold: Bool

    init(seed: UInt64, isTold: Bool) {
        self.isTold = isTold
        generator = SeededGenerator(seed: seed)
        for name in "ABCD".prefix(Int.random(in: 2...4, using: &generator)) {
            let role = Bool.random(using: &generator) ? "web" : "db"
            let id = Short.machine(String(name))
            machines.append(ModelMachine(MachineRecord(id: id, name: "", address: "", metadata: ["role": role])))
        }
        for index in machines.indices { open(index) }
    }

    private mutating func chance(_ one: Int, in count: Int) -> Bool {
        Int.random(in: 0..<count, using: &generator) < one
    }

    // MARK: Steps

    /// Something happens that may happen at any time, or, with `isCalm`, only what must happen in the end.
    mutating func step(isCalm: Bool) {
        if engine == nil, isCalm || chance(1, in: 8) { return takeOver() }
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<40: deliver(isCalm: isCalm)
        case 40..<58: showOrders(Int.random(in: machines.indices, using: &generator))
        case 58..<74: showEngine()
        case 74..<82: tellWord(Int.random(in: machines.indices, using: &generator))
        case 82..<86: passTime()
        case 86..<88: endSession()
        default: isCalm ? recover() : disturb()
        }
    }

    private mutating func disturb() {
        let index = Int.random(in: machines.indices, using: &generator)
        switch Int.random(in: 0..<16, using: &generator) {
        case 0..<9: changeUnit()
        case 9: abandonSession(index, by: "fence")
        case 10: abandonSession(index, by: "crash")
        case 11: restartAgent(index)
        case 12: takeOver()
        default: open(index)
        }
    }

    private mutating func recover() {
        for index in machines.indices { open(index) }
        endSession()
    }

    private mutating func note(_ what: String) { history.append("\(history.count) r\(store.revision) \(what)") }

    // MARK: Users

    private mutating func changeUnit() {
        let name = ["a", "b", "c", "w@1", "w@2", "g"][Int.random(in: 0..<6, using: &generator)]
        var line = name
        if chance(1, in: 6) {
            line = "-" + name
        } else {
            line += " " + ["inactive", "loaded", "launched", "launched"][Int.random(in: 0..<4, using: &generator)]
            if chance(1, in: 3) {
                line += " v\(Int.random(in: 1...3, using: &generator)) "
                line += Self.options(name)[Int.random(in: 0..<3, using: &generator)]
            }
            if chance(1, in: 4) { line += " #\(Int.random(in: 1...4, using: &generator))" }
        }
        if isTold { note("user: \(line)") }
        store.write(text.events(line))
    }

    private static func options(_ name: String) -> [String] {
        switch name {
        case "a": ["MachineMetadata=role=web", "MachineMetadata=role=db", "Conflicts=b.service"]
        case "b": ["MachineOf=a.service", "Replaces=c.service", "Ports=80"]
        case "c": ["Conflicts=w@*", "MachineMetadata=role=web", "MachineID=aaaaaaaa"]
        case "g": ["Global=true", "Global=true Conflicts=a*", "Global=true MachineMetadata=role=web Ports=80"]
        default: ["Conflicts=w@*", "Ports=80/tcp", "MachineOf=b.service"]
        }
    }

    // MARK: Machines

    /// Opens a session where there is none: at once after a fence, after a power cut when the old record is gone.
    private mutating func open(_ index: Int) {
        guard machines[index].session == nil else { return }
        guard machines[index].isUp || !store.hasSession(machines[index].id) else { return }
        if isTold { note("\(Short.text(machines[index].id)) enters") }
        machines[index].isUp = true
        machines[index].session = store.openSession(machines[index].record)
        tell(machines[index].entering(store), to: index)
    }

    private mutating func abandonSession(_ index: Int, by cause: String) {
        guard let session = machines[index].session else { return }
        if isTold { note("\(Short.text(machines[index].id)) \(cause)") }
        abandoned.append((session, machines[index].id))
        if cause == "crash" { machines[index].crash() } else { tell(machines[index].fence(), to: index) }
    }

    private mutating func endSession() {
        guard let index = abandoned.indices.randomElement(using: &generator) else { return }
        let ended = abandoned.remove(at: index)
        if isTold { note("session \(ended.session) of \(Short.text(ended.machine)) ends") }
        store.expire(ended.session, of: ended.machine)
    }

    private mutating func restartAgent(_ index: Int) {
        guard machines[index].session != nil else { return }
        if isTold { note("agent of \(Short.text(machines[index].id)) restarts") }
        machines[index].generation += 1
        machines[index].core = AgentCore(machine: machines[index].id)
        store.register(machines[index].record)
        tell(machines[index].entering(store), to: index)
    }

    private mutating func showOrders(_ index: Int) {
        guard machines[index].session != nil, let changes = store.changes(after: machines[index].seen).first else {
            return
        }
        machines[index].seen += 1
        var orders: [Order] = []
        var gone: [UnitName] = []
        for event in changes {
            switch event {
            case .assignmentPut(let assignment) where assignment.machine == machines[index].id:
                orders.append(Order(assignment: assignment, revision: machines[index].seen))
            case .assignmentGone(let machine, let unit) where machine == machines[index].id: gone.append(unit)
            default: break
            }
        }
        if !orders.isEmpty || !gone.isEmpty { tell(.ordered(orders, gone: gone), to: index) }
    }

    private mutating func tellWord(_ index: Int) {
        guard machines[index].session != nil, !machines[index].words.isEmpty else { return }
        tell(.observed([machines[index].words.removeFirst()]), to: index)
    }

    private mutating func passTime() {
        now = now + .milliseconds(700)
        for index in machines.indices where machines[index].wake.map({ $0 <= now }) ?? false { tell(.woke, to: index) }
    }

    private mutating func tell(_ event: AgentEvent, to index: Int) {
        let directives = machines[index].core.handle(event, at: now)
        machines[index].wake = directives.wake
        let (generation, registration) = (machines[index].generation, machines[index].registration)
        if !directives.claim.isEmpty {
            messages.append(
                .claim(directives.claim, machine: index, generation: generation, registration: registration))
        }
        if !directives.publish.isEmpty {
            messages.append(
                .publish(directives.publish, machine: index, generation: generation, registration: registration))
        }
        if !directives.withdraw.isEmpty {
            messages.append(
                .withdraw(directives.withdraw, machine: index, generation: generation, registration: registration))
        }
        let work =
            directives.install.map(ModelWork.install) + directives.uninstall.map(ModelWork.uninstall)
            + directives.start.map(ModelWork.start) + directives.restart.map(ModelWork.restart)
            + directives.stop.map(ModelWork.stop)
        messages += work.map { .work($0, machine: index, generation: generation) }
    }

    // MARK: Engine

    private mutating func takeOver() {
        let epoch = store.newEpoch()
        if isTold { note("engine with epoch \(epoch)") }
        let events = store.state.events(shuffledBy: &generator)
        engine = (Engine(events, revision: store.revision), epoch, store.revision)
        plan()
    }

    private mutating func showEngine() {
        guard let seen = engine?.seen else { return }
        let changes = store.changes(after: seen).prefix(Int.random(in: 1...3, using: &generator))
        guard !changes.isEmpty else { return }
        let reached = seen + Int64(changes.count)
        engine?.core.handle(changes.flatMap(\.self), revision: reached)
        engine?.seen = reached
        plan()
    }

    private mutating func plan() {
        guard let epoch = engine?.epoch, let steps = engine?.core.plan().steps else { return }
        for step in steps {
            if isTold { note("plan \(text.text(step)): \(step.reason)") }
            messages.append(.commit(step, epoch: epoch))
        }
    }

    // MARK: Messages

    private mutating func deliver(isCalm: Bool) {
        guard let index = messages.indices.randomElement(using: &generator) else { return }
        let message = messages.remove(at: index)
        // The request or its answer gets lost on the way, and nobody can tell which.
        let isLost = !isCalm && chance(1, in: 12)
        if isLost, Bool.random(using: &generator) { return lose(message) }
        switch message {
        case .claim(let orders, let machine, let generation, let registration):
            guard let result = store.claim(orders, by: machines[machine].id, registration: registration), !isLost else {
                return lose(message)
            }
            reply(.claimed(granted: result.granted, lost: result.lost), machine, generation)
        case .publish(let states, let machine, let generation, let registration):
            guard let written = store.publish(states, by: machines[machine].id, registration: registration), !isLost
            else { return lose(message) }
            reply(.published(written), machine, generation)
        case .withdraw(let units, let machine, let generation, let registration):
            guard store.withdraw(units, by: machines[machine].id, registration: registration), !isLost else {
                return lose(message)
            }
            reply(.withdrawn(units), machine, generation)
        case .work(let work, let machine, let generation):
            guard machines[machine].generation == generation else { return }
            if isTold { note("\(Short.text(machines[machine].id)) does \(work)") }
            reply(machines[machine].perform(work), machine, generation)
        case .answer(let event, let machine, let generation):
            guard machines[machine].generation == generation else { return }
            tell(event, to: machine)
            if case .issued(let unit) = event { reply(.startEnded(unit, .done), machine, generation) }
        case .commit(let step, let epoch):
            let revision = store.commit(step, epoch: epoch)
            if isLost { return lose(message) }
            messages.append(.committed(step, epoch: epoch, revision: revision))
        case .committed(let step, let epoch, let revision):
            guard engine?.epoch == epoch else { return }
            if let revision { engine?.core.committed([step], at: revision) } else { engine?.core.failed([step]) }
            plan()
        }
    }

    private mutating func lose(_ message: ModelMessage) {
        switch message {
        case .claim(let orders, let machine, let generation, _):
            reply(.claimFailed(orders.map(\.unit)), machine, generation)
        case .publish(_, let machine, let generation, _): reply(.publishFailed, machine, generation)
        case .withdraw(let units, let machine, let generation, _): reply(.withdrawFailed(units), machine, generation)
        case .work(let work, let machine, let generation):
            guard machines[machine].generation == generation else { return }
            if case .uninstall = work { messages.append(message) } else { reply(work.failure, machine, generation) }
        case .answer: messages.append(message)
        case .commit(_, let epoch), .committed(_, let epoch, _):
            // A leader that cannot tell whether it wrote gives up its epoch.
            if engine?.epoch == epoch { engine = nil }
        }
    }

    private mutating func reply(_ event: AgentEvent, _ machine: Int, _ generation: Int) {
        messages.append(.answer(event, machine: machine, generation: generation))
    }

    // MARK: Questions

    /// Nothing is under way, and everybody has seen and done everything.
    var isQuiet: Bool {
        messages.isEmpty && abandoned.isEmpty && engine?.seen == store.revision
            && machines.allSatisfy {
                $0.session != nil && $0.seen == store.revision && $0.wake == nil && $0.words.isEmpty
            }
    }

    /// A unit that is not global and runs on two machines; rule R1.
    var runsTwice: UnitName? {
        var copies: [UnitName: [ContentHash]] = [:]
        for machine in machines { for (unit, hash) in machine.running { copies[unit, default: []].append(hash) } }
        return copies.filter { unit, hashes in
            hashes.count > 1
                && !hashes.contains {
                    text.files.file($0).map { SchedulingOptions(of: $0, for: unit).isGlobal } ?? false
                }
        }
        .keys.min()
    }

    /// What is not as it should be once all is quiet.
    mutating func faultAtRest() -> String? {
        var fresh = Engine(store.state.events(shuffledBy: &generator), revision: store.revision)
        let steps = fresh.plan().steps
        if !steps.isEmpty { return "a new engine would still do: \(steps.map(text.text))" }
        for unit in store.state.sortedUnits where unit.target > .inactive {
            let isPlaced = !store.state.sortedAssignments(of: unit.name).isEmpty
            if isPlaced == (fresh.waiting[unit.name] != nil) { return "\(unit.name) is neither placed nor waiting" }
        }
        for machine in machines {
            let orders = store.orders(of: machine.id).map(\.assignment)
            let launched = orders.filter { $0.target == .launched }
            let files = Dictionary(uniqueKeysWithValues: orders.map { ($0.unit, $0.hash) })
            let running = Dictionary(uniqueKeysWithValues: launched.map { ($0.unit, $0.hash) })
            let ports = orders.flatMap { order in
                text.files.file(order.hash).map { SchedulingOptions(of: $0, for: order.unit).ports } ?? []
            }
            if Set(ports).count != ports.count { return "\(Short.text(machine.id)) has two units with one port" }
            if machine.files != files { return "\(Short.text(machine.id)) has other files than ordered" }
            if machine.running != running { return "\(Short.text(machine.id)) runs other units than ordered" }
            for order in orders {
                guard let report = store.state.states[order.unit]?[machine.id], report.acted == order.target,
                    report.hash == order.hash, order.target == .loaded || report.restarts >= order.restarts
                else { return "\(Short.text(machine.id)) reports \(order.unit) wrongly" }
            }
            if store.ownStates(of: machine.id).count != orders.count { return "a key is left behind" }
        }
        return nil
    }
}
