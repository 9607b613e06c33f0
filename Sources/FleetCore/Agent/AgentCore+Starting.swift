// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What comes of orders to start: a start that did not happen is not reported as one, and is tried again (rule R11).
///
/// Between the moment at which systemd queues a job and its first word on the unit nothing has shown yet. Until then the
/// store is told what held before, so that nobody takes the unit's former state for the outcome.
extension AgentCore {
    /// A job that systemd has queued, with what the agent had done before.
    struct PendingStart: Hashable, Sendable {
        var isRestart: Bool
        var acted: TargetState
        var restarts: Int
        var outdated: ContentHash?
    }

    mutating func issued(_ unit: UnitName) {
        guard let operation = entries[unit]?.operation, operation == .starting || operation == .restarting else {
            return
        }
        finish(unit, operation) { entry in
            entry.start = PendingStart(
                isRestart: operation == .restarting, acted: entry.acted, restarts: entry.restarts,
                outdated: entry.outdated)
            entry.acted = .launched
            entry.outdated = nil
            entry.isOfFormerFile = false
            entry.restarts = entry.issuedRestarts
            entry.heldBack = nil
            entry.automaticRestarts = 0
        }
    }

    /// A word of systemd's that shows what the job has come to; `before` is its former one.
    mutating func noticeStart(_ observation: Observation, before: Observation?) {
        guard let start = entries[observation.unit]?.start else {
            if observation.active == "active" { forgetRefusal(observation.unit) }
            return
        }
        // What ran before a restart stops first, is down for an instant, and may end as a failure; of what comes of the restart
        // itself its job tells.
        let shows =
            start.isRestart
            ? observation.active == "activating" && observation.showsStart
            : observation.showsStart || observation.active == "failed" && before?.active != "failed"
        guard shows else { return }
        entries[observation.unit]?.start = nil
        forgetRefusal(observation.unit)
    }

    private mutating func forgetRefusal(_ unit: UnitName) {
        entries[unit]?.remark = nil
        entries[unit]?.refusals = 0
    }

    mutating func startEnded(_ unit: UnitName, _ end: StartEnd, at now: Moment) {
        guard let entry = entries[unit] else { return }
        let isUnderWay = entry.operation == .starting || entry.operation == .restarting
        switch end {
        case .waiting(let reason):
            guard entry.start != nil else { return }
            update(unit) { $0.remark = reason }
        case .done, .cancelled: settle(unit, remark: nil)
        case .skipped(let reason): settle(unit, remark: reason)
        case .failed(let reason):
            // It stands against the unit for as long as that shows what came of the start, and no longer.
            let shows = entry.observed?.showsFailure == true
            settle(unit, remark: shows ? nil : reason)
            entries[unit]?.startFailure = reason
            if shows { entries[unit]?.failure = reason }
        case .refused(let reason):
            // An order that is out of date by now was refused for nobody.
            guard isUnderWay || entry.acted == .launched else { return }
            update(unit) { entry in
                if isUnderWay { entry.operation = nil }
                entry.start = nil
                entry.remark = reason
                if entry.observed?.isDown ?? true {
                    entry.acted = min(entry.acted, .loaded)
                    entry.outdated = nil
                    // What was asked for was tried: whoever asks again is told apart by the number.
                    if isUnderWay { entry.restarts = entry.issuedRestarts }
                }
                entry.retry = now + Self.pause(after: entry.refusals)
                entry.refusals += 1
            }
        }
    }

    private mutating func settle(_ unit: UnitName, remark: String?) {
        update(unit) { entry in
            entry.start = nil
            entry.remark = remark
            entry.refusals = 0
        }
    }

    /// From a refused attempt to the next: 1 s, 2 s, 4 s and so on, up to a minute.
    static func pause(after refusals: Int) -> Duration {
        min(retryInterval * (1 << min(refusals, 10)), longestRetryInterval)
    }

    /// Something came to this machine: what was refused for want of it is tried at once.
    mutating func retryRefused() {
        for (unit, entry) in entries where entry.refusals > 0 && entry.retry != nil {
            update(unit) { $0.retry = nil }
        }
    }
}
