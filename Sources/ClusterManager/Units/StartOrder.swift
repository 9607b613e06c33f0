// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// In which stages one command starts or stops a unit and what triggers it: a socket, a timer, a path, an automount.
///
/// systemd starts a socket only as long as its service is down, and none of them before it has loaded what it triggers
/// (systemd 252, socket_start and its like). What is stopped before its trigger may be started by that again.
package struct StartOrder: Sendable {
    /// One unit's part of a command.
    package struct Part: Sendable {
        package let name: UnitName
        /// What the unit runs when the command is done.
        package let file: UnitFile?
        /// The machine that has it; `nil` for one that is global, or on none.
        package let machine: String?
        /// What is asked for where nothing comes first.
        package let step: UnitOperation.Step
        /// What makes it ready for its own start and for its trigger's: it is loaded, or stopped; `nil` where it is so already.
        package private(set) var readying: UnitOperation.Step?
        /// What starts it then; `nil` where the command starts nothing.
        package private(set) var starting: UnitOperation.Step?

        package init(_ name: UnitName, _ file: UnitFile?, on machine: String?, _ step: UnitOperation.Step) {
            self.name = name
            self.file = file
            self.machine = machine
            self.step = step
        }

        /// Says that the unit, which is down, is started by its step.
        package mutating func starts() { starting = step }

        /// Says that the unit is loaded by `loading`, and started then.
        package mutating func starts(after loading: UnitOperation.Step) {
            var loading = loading
            loading.goal = .loaded
            readying = loading
            starting = second(nil)
        }

        /// Says that the unit, which may run, is stopped and started again.
        ///
        /// - Parameters:
        ///   - stop: What stops it.
        ///   - start: What starts it; `nil` for the target state alone.
        package mutating func restarts(
            by stop: @escaping UnitOperation.Request, _ start: UnitOperation.Request? = nil
        ) {
            readying = UnitOperation.Step(
                name, line: step.line, goal: .stopped, hash: step.hash, verb: "stop", request: stop)
            starting = second(start)
        }

        private func second(_ request: UnitOperation.Request?) -> UnitOperation.Step {
            let name = name
            return UnitOperation.Step(
                name, line: step.line, goal: step.goal, lateGoal: ending, hash: step.hash, verb: "start",
                request: request ?? { try await $0.setTarget(.launched, of: name) })
        }

        fileprivate var isStopped: Bool { readying?.goal == .stopped }
        /// What its start comes to, of a global unit, too.
        fileprivate var ending: WaitGoal.Kind { isStopped ? .restarted : .running }
    }

    /// How long what comes first holds up the rest: it is told of all the same, and the rest is asked for.
    static let patience = Duration.seconds(10)
    /// The same of a stop, to which systemd itself gives 90 s where the unit says nothing else.
    static let patienceWithStop = Duration.seconds(100)

    /// The stages of a command that starts units: what runs is stopped, triggers first, and what does not is loaded; then the triggers
    /// are started, then the rest.
    package static func stages(starting parts: [Part]) -> [UnitOperation.Stage] {
        let (triggered, triggers) = pairs(parts.filter { $0.starting != nil }) { trigger, part in
            trigger.wantsUnitDown || !part.trigger.isStopped && !part.triggered.isStopped
        }
        guard !triggered.isEmpty else { return [UnitOperation.Stage(parts.map(\.step))] }
        func isOfPair(_ part: Part) -> Bool { triggered.contains(part.name) || triggers.contains(part.name) }
        let ready = parts.filter { isOfPair($0) && !$0.isStopped }.compactMap(\.readying)
        // One of a pair may need the machine of the other, or of any other unit of the command.
        let others = ready.isEmpty ? [] : parts.filter { !isOfPair($0) && !$0.isStopped && $0.readying != nil }
        let loaded = Set(others.map(\.name))
        let stopped = parts.filter { isOfPair($0) && $0.isStopped }
        return [
            UnitOperation.Stage(ready, beside: others.compactMap(\.readying), bound: patience),
            UnitOperation.Stage(
                stopped.filter { triggers.contains($0.name) }.compactMap(\.readying), bound: patienceWithStop),
            UnitOperation.Stage(
                stopped.filter { !triggers.contains($0.name) }.compactMap(\.readying), bound: patienceWithStop),
            UnitOperation.Stage(
                parts.filter { triggers.contains($0.name) }.compactMap { $0.starting?.ahead($0.ending) },
                bound: patience),
            UnitOperation.Stage(
                parts.compactMap { part in
                    if triggers.contains(part.name) { return part.starting?.rest }
                    return triggered.contains(part.name) || loaded.contains(part.name) ? part.starting : part.step
                }),
        ].filter { !$0.steps.isEmpty }
    }

    /// The stages of a command that stops units: triggers, then the rest.
    package static func stages(stopping parts: [Part]) -> [UnitOperation.Stage] {
        let triggers = pairs(parts.filter { $0.step.request != nil }) { _, _ in true }.triggers
        guard !triggers.isEmpty else { return [UnitOperation.Stage(parts.map(\.step))] }
        return [
            UnitOperation.Stage(
                parts.filter { triggers.contains($0.name) }.map { $0.step.ahead(.stopped) }, bound: patienceWithStop),
            UnitOperation.Stage(parts.compactMap { triggers.contains($0.name) ? $0.step.rest : $0.step }),
        ].filter { !$0.steps.isEmpty }
    }

    /// Of several units those that another of them triggers where they are, and these others.
    private static func pairs(
        _ parts: [Part], where counts: (UnitTrigger, (trigger: Part, triggered: Part)) -> Bool
    ) -> (triggered: Set<UnitName>, triggers: Set<UnitName>) {
        var (triggered, triggers): (Set<UnitName>, Set<UnitName>) = ([], [])
        for part in parts {
            guard let file = part.file, UnitTrigger.types.contains(part.name.type) else { continue }
            let trigger = UnitTrigger(part.name, file)
            for other in parts where trigger.triggers(other.name) && counts(trigger, (part, other)) {
                let isApart = part.machine.map { machine in other.machine.map { $0 != machine } ?? false } ?? false
                guard !isApart else { continue }
                triggered.insert(other.name)
                triggers.insert(part.name)
            }
        }
        return (triggered, triggers)
    }
}

extension UnitOperation.Step {
    /// The step where others wait for it: a global unit's, which has no outcome of its own, is waited for, too.
    fileprivate func ahead(_ kind: WaitGoal.Kind) -> Self {
        var step = self
        step.goal = goal ?? kind
        return step
    }

    /// What is left of such a step in the end; `nil` where its outcome says all.
    fileprivate var rest: Self? { goal == nil ? Self(unit, line: line) : nil }
}
