// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Proves rules R1, R3, R4 and R7 from a record alone, or says what broke them.
///
/// - R1: no two processes of a unit were alive at once. The kernel's lock says so to the instant, the beats say it again.
/// - R4 and R7: each process that ended has a fault that may end it: one of its own machine, or a store that was silent for
///   longer than a session can do without. A store that refuses connections, a lost neighbour, a machine that comes back, an agent that
///   is killed and started: all these may end nothing.
/// - R3: after the last disturbance each unit runs again within a bound; and all run when the record ends.
package struct RecordCheck: Sendable {
    /// What must hold, in milliseconds.
    package struct Limits: Equatable, Sendable {
        /// How long a session lives without a renewal.
        package var ttl: Int
        /// From a fault that stood alone to all its units running again.
        package var recovery: Int
        /// The same after faults that came together, and after those of the store.
        package var recoveryFromSeveral: Int

        package init(ttl: Int, recovery: Int? = nil, recoveryFromSeveral: Int = 45_000) {
            self.ttl = ttl
            self.recovery = recovery ?? ttl + 1000
            self.recoveryFromSeveral = max(recoveryFromSeveral, self.recovery)
        }

        /// A machine that can renew again after so long keeps its session and its units; see `SessionTiming`: renewed each
        /// quarter of a lifetime, units stopped after seven tenths, and attempts last a fifth.
        var harmless: Int { ttl / 5 }

        /// A store that starts may be silent for so long: machines have proofs that it was dead; see R4 in `docs/guarantees.md`.
        ///
        /// They look for one when a renewal fails. A store that is back before all have renewed, each quarter of a lifetime, and
        /// tried again was seen dead by nobody: it is as if it had been silent from its death on.
        ///
        /// - Parameter down: How long it refused connections before it started.
        /// - Returns: Milliseconds from its start.
        func bearableStart(afterDown down: Int) -> Int {
            down >= ttl * 3 / 10 ? ttl * 3 / 5 : max(0, ttl * 7 / 20 - down)
        }
    }

    package let record: ChaosRecord
    package let limits: Limits

    package init(_ record: ChaosRecord, limits: Limits) {
        self.record = record
        self.limits = limits
    }

    /// Looks at the whole record.
    package func run() -> RecordVerdict {
        var verdict = RecordVerdict(record)
        for unit in Set(record.runs.map(\.unit)).sorted() {
            let runs = record.runs.filter { $0.unit == unit }.sorted { ($0.start, $0.process) < ($1.start, $1.process) }
            oneCopy(runs, &verdict)
            endings(runs, &verdict)
            recovery(unit, runs, &verdict)
        }
        for fault in record.faults where !mayEnd(fault) { verdict.harmlessFaults += 1 }
        return verdict
    }

    // MARK: R1

    private func oneCopy(_ runs: [ChaosRecord.Run], _ verdict: inout RecordVerdict) {
        var former: ChaosRecord.Run?
        for run in runs {
            if run.foundAnother {
                verdict.broken.append("R1 at \(at(run.start)): \(text(run)) started while another copy held its lock")
            } else if let former, former.last > run.start {
                verdict.broken.append(
                    "R1 at \(at(run.start)): \(text(run)) started, and \(text(former)) lived until \(at(former.last))")
            }
            if run.last >= former?.last ?? 0 { former = run }
        }
    }

    // MARK: R4, R7

    /// Alive when the record ends; what is stopped after that is tidied up.
    private func isAlive(_ run: ChaosRecord.Run) -> Bool {
        run.last > record.end || !run.wasStopped && run.last >= record.end - aliveWithin
    }

    /// A probe writes ten times a second; a second without a line is its end, unless the host itself stood still.
    private var aliveWithin: Int { 1000 + (record.stalls.map(\.length).max() ?? 0) }

    private func endings(_ runs: [ChaosRecord.Run], _ verdict: inout RecordVerdict) {
        for run in runs where !isAlive(run) {
            verdict.ended += 1
            guard cause(of: run) == nil else { continue }
            let store = record.faults.contains {
                $0.kind.isOfStore && $0.begin <= run.last && run.last <= $0.end + limits.ttl
            }
            verdict.broken.append(
                "\(store ? "R4" : "R7") at \(at(run.last)): \(text(run)) ended, and no fault may have ended it")
        }
    }

    /// Whether units may end by this fault.
    private func mayEnd(_ fault: ChaosRecord.Fault) -> Bool {
        switch fault.kind {
        case .halt: true
        case .cut, .freeze, .kill, .etcdFreeze: fault.length >= limits.harmless
        // Refused connections are proof that the store can end no session.
        case .etcdKill: false
        case .etcdStart: fault.length >= limits.bearableStart(afterDown: downTime(before: fault))
        }
    }

    /// How long the store was dead before this start; 0 when nothing says so.
    private func downTime(before start: ChaosRecord.Fault) -> Int {
        let deaths = record.faults.filter { $0.kind == .etcdKill && $0.begin <= start.begin && start.begin <= $0.end }
        return deaths.map { start.begin - $0.begin }.max() ?? 0
    }

    /// When what ended the process began: the latest fault or stall that may have.
    private func cause(of run: ChaosRecord.Run) -> Int? {
        var causes: [Int] = []
        for fault in record.faults where mayEnd(fault) && run.start <= fault.end {
            guard fault.kind.isOfStore || fault.target == run.machine else { continue }
            // What was halted is gone before it boots again, whenever the signal came; the others stop their units some time
            // before the session ends, and what was on its way when the cable came back still arrives.
            let latest = fault.kind == .halt ? min(fault.end, fault.begin + 10_000) : fault.end + limits.ttl
            // A beat each 100 ms: what ended then may have been silent a little before.
            if fault.begin - 200 <= run.last, run.last <= latest { causes.append(fault.begin) }
        }
        for stall in record.stalls where stall.length >= limits.harmless {
            if stall.begin - 200 <= run.last, run.last <= stall.end + limits.ttl { causes.append(stall.begin) }
        }
        return causes.max()
    }

    // MARK: R3

    private func recovery(_ unit: String, _ runs: [ChaosRecord.Run], _ verdict: inout RecordVerdict) {
        let alive = runs.filter(isAlive)
        if alive.isEmpty {
            verdict.broken.append("R3 at \(at(record.end)): \(unit) does not run at the end")
        }
        for (run, next) in zip(runs, runs.dropFirst()) where !isAlive(run) {
            guard let cause = cause(of: run) else { continue }
            let several = disturbances.filter { $0 > cause - limits.ttl && $0 <= next.start }
            if several == [cause] {
                let took = next.start - cause
                verdict.longestRecovery = max(verdict.longestRecovery ?? 0, took)
                verdict.recoveries += 1
                if took > limits.recovery {
                    verdict.broken.append(
                        "R3 at \(at(next.start)): \(unit) ran again \(seconds(took)) after a single fault, not within "
                            + seconds(limits.recovery))
                }
            } else {
                let took = next.start - (several.last ?? next.start)
                verdict.longestRecoveryFromSeveral = max(verdict.longestRecoveryFromSeveral ?? 0, took)
                if took > limits.recoveryFromSeveral {
                    verdict.broken.append(
                        "R3 at \(at(next.start)): \(unit) ran again \(seconds(took)) after the last of several faults, not "
                            + "within \(seconds(limits.recoveryFromSeveral))")
                }
            }
        }
    }

    /// From when on recovery counts: a machine's fault from its beginning, the store's from its end as well.
    private var disturbances: [Int] {
        (record.faults.flatMap { $0.kind.isOfStore ? [$0.begin, $0.end] : [$0.begin] }
            + record.stalls.flatMap { [$0.begin, $0.end] }).sorted()
    }

    // MARK: Texts

    private func at(_ time: Int) -> String { seconds(time - record.begin) }

    private func seconds(_ milliseconds: Int) -> String { RecordVerdict.seconds(milliseconds) }

    private func text(_ run: ChaosRecord.Run) -> String { "\(run.unit) on \(run.machine) (\(run.process))" }
}
