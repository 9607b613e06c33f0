// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Runs a table of `ClusterText` against an engine.
///
/// Inputs are changes of the cluster, separated by `;`. An arrow asks for a plan, its steps separated by `|`, `-` for none;
/// they are committed and shown to the engine at once. With `hold` among the inputs the plan's steps stay under way, and
/// later inputs say what becomes of them: `commit` (the answer came), `echo` (the store's changes show them), `land`
/// (they took place in the store, no more), `fail`. `takeover` puts a new engine in the place of the old. `why web` tells
/// what the unit waits for, `held web` why it stays on a machine that is being drained.
///
/// `window 5` gives the engine a brake; `at 7` sets its clock. From then on the notes that it wants written are shown before
/// its steps: `seen A`, `forget A`, `brake B C of 3`, `release`. What it writes of operations is shown likewise; `lose` has the
/// next such write not happen.
struct EngineScript {
    private var cluster = ClusterText()
    private var engine = Engine()
    private var revision: Int64 = 1
    /// Handed out, no answer yet.
    private var underWay: [ScheduleStep] = []
    /// Of these, what has not taken place in the store.
    private var afloat: [ScheduleStep] = []
    private var unseen: [ClusterEvent] = []
    private var committedAt: Int64 = 0
    /// How far the engine has seen the store's changes.
    private var seen: Int64 = 1
    private var window: Duration?
    private var now = Moment(nanoseconds: 0)

    /// What comes of the table, to be compared with `Script.text`.
    static func transcript(_ script: Script) -> String {
        var run = EngineScript()
        return script.transcript { run.take($0) }
    }

    private mutating func take(_ line: Script.Line) -> String {
        let inputs = Text.parts(line.input, by: ";")
        if let question = inputs.first, question.hasPrefix("why ") {
            return engine.waiting[Short.unit(String(question.dropFirst(4)))]?.description ?? "-"
        }
        if let question = inputs.first, question.hasPrefix("held ") {
            return engine.held[Short.unit(String(question.dropFirst(5)))]?.description ?? "-"
        }
        var holds = false
        var loses = false
        var events: [ClusterEvent] = []
        for input in inputs {
            switch input {
            case "hold": holds = true
            case "lose": loses = true
            case "reread":
                engine = Engine(cluster.state.events, revision: revision, lossWindow: window, isReread: true, at: now)
            case "takeover":
                var generator = SeededGenerator(seed: UInt64(revision))
                engine = Engine(
                    cluster.state.events(shuffledBy: &generator), revision: revision, lossWindow: window, at: now)
                (underWay, afloat, unseen, events) = ([], [], [], [])
                seen = revision
            case "land": land()
            case "commit":
                land()
                engine.committed(underWay, at: committedAt)
                underWay = []
            case "echo":
                land()
                show()
            case "fail":
                engine.failed(underWay)
                (underWay, afloat) = ([], [])
            default:
                if input.hasPrefix("window ") {
                    window = .seconds(Int(input.dropFirst(7)) ?? 0)
                    engine = Engine(lossWindow: window)
                } else if input.hasPrefix("at ") {
                    now = Short.moment(String(input.dropFirst(3)))
                    engine.tick(now)
                } else {
                    events += cluster.events(input)
                }
            }
        }
        if !events.isEmpty {
            revision += 1
            if unseen.isEmpty { seen = revision }
            engine.handle(events, revision: seen)
        }
        guard line.output != nil else { return "" }
        let plan = engine.plan()
        let steps = plan.steps
        let notes = write(plan.notes) + write(plan.operations, loses)
        underWay += steps
        afloat += steps
        if !holds, !steps.isEmpty {
            land()
            engine.committed(underWay, at: committedAt)
            underWay = []
            show()
        }
        let parts = notes + steps.map(cluster.text)
        return parts.isEmpty ? "-" : parts.joined(separator: " | ")
    }

    /// Notes take place in the store, and are shown to the engine, at once.
    private mutating func write(_ notes: [ClusterNote]) -> [String] {
        guard !notes.isEmpty else { return [] }
        revision += 1
        let events = notes.map { cluster.apply($0) }
        if unseen.isEmpty { seen = revision }
        engine.handle(events, revision: seen)
        return notes.map { note in
            switch note {
            case .remember(let id): "seen \(Short.text(id))"
            case .forget(let id): "forget \(Short.text(id))"
            case .brake(let brake): "brake \(brake.lost.map { Short.text($0) }.joined(separator: " ")) of \(brake.seen)"
            case .release: "release"
            }
        }
    }

    private mutating func write(_ writes: [OperationWrite], _ loses: Bool) -> [String] {
        for write in writes {
            if loses {
                engine.operationFailed(write.head.id)
                continue
            }
            revision += 1
            let events = cluster.apply(write)
            if unseen.isEmpty { seen = revision }
            engine.handle(events, revision: seen)
        }
        return writes.map { OperationText.text($0) }
    }

    private mutating func show() {
        seen = revision
        engine.handle(unseen, revision: seen)
        unseen = []
    }

    /// The steps under way take place in the store.
    private mutating func land() {
        guard !afloat.isEmpty else { return }
        revision += 1
        committedAt = revision
        for step in afloat { for change in step.changes { unseen.append(cluster.apply(change)) } }
        afloat = []
    }
}
