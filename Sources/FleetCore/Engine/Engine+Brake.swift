// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// MARK: The majority brake (rule R10)

extension Engine {
    /// Which machines vanished lately, and what the store has still to be told of it.
    ///
    /// A leader that was lost with the others leaves its successor `seen/`: whoever is named there and is not there vanished
    /// at most a session's lifetime before the successor began to lead.
    struct Attendance: Sendable {
        /// How long a loss counts together with others: a session's lifetime; `nil` for an engine without brake.
        var window: Duration?
        var now = Moment(nanoseconds: 0)
        /// Losses that still count, with their moments.
        var losses: [MachineID: Moment] = [:]
        /// Since when fewer machines of the brake are missing than would set it.
        var calmSince: Moment?
        /// What was handed out and not yet seen in the store.
        var underWay: Set<ClusterNote> = []
        /// Nothing has been planned yet: losses before the first plan are the former leader's.
        var isNew = true
    }

    /// When `plan` must be asked again though nothing changed; `nil` when it need not.
    package var wake: Moment? {
        let operations = brake == nil ? operationsWake : nil
        guard let window = attendance.window else { return operations }
        let moments = brake == nil ? Array(attendance.losses.values) : attendance.calmSince.map { [$0] } ?? []
        return (moments.map { $0 + window } + (operations.map { [$0] } ?? [])).min()
    }

    /// Says what time it is, before changes are handed over or a plan is asked for.
    package mutating func tick(_ now: Moment) { attendance.now = max(attendance.now, now) }

    mutating func attend(to event: ClusterEvent, wasThere: Bool) {
        switch event {
        case .machinePut(let machine): attendance.losses[machine.id] = nil
        case .machineGone(let id):
            // Whoever is being drained is expected to go.
            guard wasThere, attendance.window != nil, !isDraining(id) else { return }
            attendance.losses[id] = attendance.now
            setBrake()
        case .seenPut(let id): attendance.underWay.remove(.remember(id))
        case .seenGone(let id): attendance.underWay.remove(.forget(id))
        case .brakePut(let stored):
            for case .brake(let brake) in attendance.underWay { attendance.underWay.remove(.brake(brake)) }
            if brake != nil {
                brake?.since = stored.since
            } else if !attendance.underWay.contains(.release) {
                brake = stored
            }
        case .brakeGone:
            if attendance.underWay.remove(.release) == nil { liftBrake() }
        default: break
        }
    }

    private func isDraining(_ id: MachineID) -> Bool { state.control[id]?.isDraining ?? false }

    /// How many machines are there that nobody expects to go.
    private var present: Int { state.machines.keys.count { !isDraining($0) } }

    /// Whether the machines that are missing now are too many to be believed in.
    private mutating func setBrake() {
        guard let window = attendance.window else { return }
        let recent = attendance.losses.filter { attendance.now.since($0.value) < window }
        if let known = brake {
            let lost = Set(known.lost).union(recent.keys).sorted()
            if lost != known.lost { brake?.lost = lost }
            brake?.seen = max(known.seen, lost.count)
        } else if Brake.holds(recent.count, of: present + recent.count) {
            brake = Brake(
                lost: recent.keys.sorted(), seen: present + recent.count,
                window: Int(window.nanoseconds / 1_000_000_000))
            attendance.calmSince = nil
        }
    }

    /// Whoever is missing still is a loss like any other from now on.
    private mutating func liftBrake() {
        brake = nil
        attendance.losses = [:]
        attendance.calmSince = nil
        awaken()
    }

    /// Brings the brake up to date with the time, and says what has to be written down.
    mutating func reviewBrake() -> [ClusterNote] {
        guard let window = attendance.window else { return [] }
        if attendance.isNew {
            attendance.isNew = false
            for id in state.seen where state.machines[id] == nil && !isDraining(id) {
                attendance.losses[id] = attendance.now
            }
            setBrake()
        }
        if let known = brake {
            let missing = known.lost.count { state.machines[$0] == nil }
            if missing == 0 {
                liftBrake()
            } else if Brake.holds(missing, of: max(known.seen, present + missing)) {
                attendance.calmSince = nil
            } else {
                // Those that came back were cut off, so the rest gets as long to follow.
                let calm = attendance.calmSince ?? attendance.now
                attendance.calmSince = calm
                if attendance.now.since(calm) >= window { liftBrake() }
            }
        } else {
            attendance.losses = attendance.losses.filter { attendance.now.since($0.value) < window }
        }
        return notes()
    }

    /// The difference between what is so and what the store says.
    private mutating func notes() -> [ClusterNote] {
        var notes: [ClusterNote] = []
        if let brake {
            if state.brake.map({ $0.lost != brake.lost || $0.seen != brake.seen }) ?? true {
                notes.append(.brake(brake))
            }
        } else if state.brake != nil {
            notes.append(.release)
        }
        let braked = Set(brake?.lost ?? [])
        for id in state.seen.sorted()
        where state.machines[id] == nil && attendance.losses[id] == nil && !braked.contains(id) {
            notes.append(.forget(id))
        }
        notes += state.machines.keys.filter { !state.seen.contains($0) }.sorted().map { .remember($0) }
        notes = notes.filter { attendance.underWay.insert($0).inserted }
        return notes
    }
}
