// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Units that run once: noticing that they have done their work, and not running them again.
///
/// A run counts when the unit was seen at work and then its job ended. A unit whose condition did not hold was never at work; a
/// run that was stopped has its job taken back first. When in doubt nothing is recorded, so that work is rather done
/// twice than not at all.
extension AgentCore {
    /// What is known of units that run once, and what the store has still to be told.
    struct Ledger: Sendable, Equatable {
        /// The last completion of each unit, as the store holds it or is about to.
        var known: [UnitName: Completion] = [:]
        var unrecorded: Set<UnitName> = []
        /// For which revision of its order the last completion of a unit was reported.
        var recorded: [UnitName: Int64] = [:]
        /// Units whose reports are on their way; one batch at a time.
        var recording: Set<UnitName> = []
        /// Nothing is reported before this moment, after a failure.
        var retry: Moment?
    }

    /// A run of a unit that runs once.
    enum Work: Hashable, Sendable {
        /// Seen at work; its end is the end of what was ordered.
        case underWay
        /// Under way when an order to restart was given: until systemd has ended it, its word is of this run, not of the next.
        case overtaken
    }

    /// A word of systemd's that may be the beginning of a run, or the end of one that an order to restart has overtaken.
    mutating func noticeWork(_ observation: Observation) {
        guard case .once? = entries[observation.unit]?.file?.runs else { return }
        switch (entries[observation.unit]?.work, observation.active == "activating") {
        case (nil, true): entries[observation.unit]?.work = .underWay
        case (.overtaken, false): entries[observation.unit]?.work = nil
        case (nil, false), (.underWay, _), (.overtaken, true): break
        }
    }

    mutating func jobEnded(_ unit: UnitName, _ end: JobEnd) {
        guard let entry = entries[unit], let work = entry.work else { return }
        entries[unit]?.work = nil
        guard work == .underWay, end != .cancelled, let file = entry.file, case .once(let retriesFailure) = file.runs,
            let observed = entry.observed, observed.isDown
        else { return }
        // The answer to the order to start may come after the end of what it started.
        let isIssued = entry.operation == .starting || entry.operation == .restarting
        guard isIssued || entry.operation == nil && entry.acted == .launched && entry.outdated == nil else { return }
        let isSuccess = end == .done && observed.active == "inactive"
        guard isSuccess || observed.active == "failed" && !retriesFailure else { return }
        let completion = Completion(
            unit: unit, machine: machine, hash: file.hash,
            restarts: isIssued ? entry.issuedRestarts : entry.restarts, isSuccess: isSuccess,
            moment: observed.since)
        // What a timer runs again and again ends the same way each time: one record is enough.
        if let known = ledger.known[unit], known.isSame(as: completion), let order = entry.order,
            ledger.recorded[unit] == order.revision
        {
            return
        }
        note(completion)
    }

    mutating func note(_ completion: Completion) {
        ledger.known[completion.unit] = completion
        ledger.unrecorded.insert(completion.unit)
    }

    /// Whether the unit has done already what its order asks, here or elsewhere.
    func isDone(_ entry: Entry) -> Completion? {
        guard let order = entry.order, case .once? = entry.file?.runs, let known = ledger.known[order.unit],
            known.covers(order.assignment)
        else { return nil }
        return known
    }

    /// Takes in what the store holds; what it has still to be told stays.
    mutating func learn(_ completions: [Completion], of units: [UnitName]) {
        for unit in units where !ledger.unrecorded.contains(unit) { ledger.known[unit] = nil }
        for completion in completions where !ledger.unrecorded.contains(completion.unit) {
            ledger.known[completion.unit] = completion
        }
    }

    /// Goes on with a unit that runs once where the former run of the agent left it.
    mutating func resume(_ state: UnitState) {
        guard let entry = entries[state.unit], let file = entry.file, case .once = file.runs, state.acted == .launched
        else { return }
        if let done = isDone(entry) {
            entries[state.unit]?.outdated = nil
            // The former run may have ended between telling of the work and publishing the state.
            entries[state.unit]?.restarts = done.restarts
            entries[state.unit]?.heldBack = done.machine == machine ? nil : done
        } else if state.active == "activating", entry.observed?.active == "inactive", state.hash == file.hash {
            // It ended while no agent looked; a failure would show as one.
            note(
                Completion(
                    unit: file.unit, machine: machine, hash: file.hash, restarts: state.restarts, isSuccess: true,
                    moment: entry.observed?.since ?? 0))
        } else {
            entries[state.unit]?.work = entry.observed?.active == "activating" ? .underWay : nil
        }
    }

    /// The last batch of reports failed: its units are reported anew.
    mutating func recordFailed(retry: Moment?) {
        ledger.unrecorded.formUnion(ledger.recording)
        for unit in ledger.recording { ledger.recorded[unit] = nil }
        ledger.recording = []
        ledger.retry = retry
    }

    mutating func record(into directives: inout AgentDirectives) {
        guard ledger.recording.isEmpty, ledger.retry == nil, !ledger.unrecorded.isEmpty else { return }
        for unit in ledger.unrecorded.sorted() {
            guard let completion = ledger.known[unit], let entry = entries[unit], entry.isClaimed,
                let order = entry.order, completion.covers(order.assignment)
            else { continue }
            directives.complete.append(CompletionReport(completion, revision: order.revision))
            ledger.recorded[unit] = order.revision
        }
        ledger.unrecorded = []
        ledger.recording = Set(directives.complete.map(\.completion.unit))
    }
}
