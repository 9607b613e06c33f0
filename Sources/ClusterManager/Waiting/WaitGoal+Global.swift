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
        let test = RuleTest(record, in: view)
        // How many machines have it, have it and are not so far, and are about to get it.
        var (all, open, coming) = (0, 0, 0)
        var failure: String?
        for machine in view.sortedMachines {
            guard let state = view.states[unit]?[machine.id] else {
                // Where it is not it does not run.
                if kind != .stopped, test.isEligible(machine) { coming += 1 }
                continue
            }
            all += 1
            var copy = record
            copy.machine = machine.id
            copy.current = state.acted ?? .launched
            var goal = self
            goal.before = formers[machine.id]
            let verdict =
                kind == .running || kind == .restarted
                ? goal.verdictOfRunning(copy, state, in: view, attention: attention, quiet: quiet)
                : goal.verdictOfLoading(copy, state, in: view, attention: attention, quiet: quiet)
            switch verdict {
            case .pending: open += 1
            case .failed(let text): failure = failure ?? text
            case .reached: break
            }
        }
        // By what is known here a machine may qualify and yet never get the unit: it counts while others are getting it.
        if all == 0 || quiet < Self.settling { open += coming }
        guard open == 0 else {
            let words = "\(open) of \(view.machines.count) machines are not so far"
            return .pending(reason: attention >= Self.speechless ? words : nil)
        }
        return failure.map { .failed($0) } ?? .reached("Unit \(unit) \(record.desired) on \(all) machines")
    }
}
