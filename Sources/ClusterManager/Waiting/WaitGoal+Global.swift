// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

extension WaitGoal {
    /// Judges a global unit by all of its machines: the ones that have it, and those that are about to get it.
    ///
    /// Only what comes before another step of a command waits for such a unit: no machine stands for it, and one may come at any time.
    func verdictOfGlobal(
        _ record: FleetUnit, in view: FleetView, attention: Duration, quiet: Duration
    ) -> WaitVerdict {
        // The view may be older than this command's own request.
        let isWanted =
            switch kind {
            case .running, .restarted: record.desired == .launched
            case .stopped: record.desired == .loaded
            case .loaded, .unloaded, .gone: record.desired >= .loaded
            }
        guard isWanted else { return verdictOfOtherTarget(record, attention: attention) }
        // Thousands of machines report one after another, and each report is judged: the first that is not so far decides.
        let words = "not all of its machines are so far"
        let pending = WaitVerdict.pending(reason: attention >= Self.speechless ? words : nil)
        let states = view.states[unit] ?? [:]
        var all = 0
        var failure: (machine: String, text: String)?
        for (id, state) in states where view.machines[id] != nil {
            all += 1
            var copy = record
            copy.machine = id
            copy.current = state.acted ?? .launched
            var goal = self
            goal.before = formers[id]
            let verdict =
                kind == .running || kind == .restarted
                ? goal.verdictOfRunning(copy, state, in: view, attention: attention, quiet: quiet)
                : goal.verdictOfLoading(copy, state, in: view, attention: attention, quiet: quiet)
            switch verdict {
            case .pending: return pending
            case .failed(let text): if failure.map({ id < $0.machine }) ?? true { failure = (id, text) }
            case .reached: break
            }
        }
        // By what is known here a machine may qualify and yet never get the unit: it counts while others are getting it. Where it is
        // not it does not run.
        if kind != .stopped, all == 0 || quiet < Self.settling {
            let others = view.machines.values.lazy.filter { states[$0.id] == nil }
            if !others.isEmpty, others.contains(where: RuleTest(record, in: view).isEligible) { return pending }
        }
        return failure.map { .failed($0.text) } ?? .reached("Unit \(unit) \(record.desired) on \(all) machines")
    }
}
