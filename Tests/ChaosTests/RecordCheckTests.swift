// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Chaos
import Testing

@Suite("the check of a chaos run's record") struct RecordCheckTests {
    /// A minute with one probe: each run lives from..to on a machine, each fault is kind, target, from..to; all in seconds.
    private func verdict(
        runs: [(machine: String, from: Int, to: Int)], faults: [(kind: String, target: String, from: Int, to: Int)],
        double: Bool = false, stopped: Bool = false, silentHost: ClosedRange<Int>? = nil
    ) throws -> RecordVerdict {
        var lines: [(Int, String)] = []
        for (index, run) in runs.enumerated() {
            let name = "probe@1 \(run.machine) p\(index)"
            lines.append((run.from * 100, "\(index > 0 && double ? "double" : "start") \(name)"))
            for beat in stride(from: run.from * 100 + 10, through: run.to * 100, by: 10) {
                lines.append((beat, "beat \(name)"))
            }
            if stopped { lines.append((run.to * 100, "stop \(name)")) }
        }
        lines.sort { $0.0 < $1.0 }
        var story: [(Int, String)] = [(1000, "begin chaos 7 0")]
        for (number, fault) in faults.enumerated() {
            story.append((fault.from * 100, "begin \(fault.kind) \(fault.target) \(number)"))
            story.append((fault.to * 100, "end \(fault.kind) \(fault.target) \(number)"))
        }
        story.sort { $0.0 < $1.0 }
        story.append((7000, "end chaos 7 0"))
        let host = stride(from: 1000, through: 7000, by: 10).filter { time in
            silentHost.map { !($0.lowerBound * 100 + 1..<$0.upperBound * 100).contains(time) } ?? true
        }.map { (time: Int) in (time, "beat") }
        let record = try ChaosRecord(
            probes: [("probe@1.record", text(lines))], faults: text(story), host: text(host))
        return RecordCheck(record, limits: .init(ttl: 5000)).run()
    }

    private func text(_ lines: [(Int, String)]) -> String {
        lines.map { time, words in
            "\(time / 100).\(time % 100 < 10 ? "0" : "")\(time % 100) \(words)\n"
        }.joined()
    }

    @Test("a machine lost and its unit elsewhere within the bound breaks nothing, and the way back is measured")
    func fine() throws {
        let verdict = try verdict(
            runs: [("worker-1", 5, 20), ("worker-2", 25, 70)], faults: [("halt", "worker-1", 20, 30)])
        #expect(verdict.broken.isEmpty)
        #expect(verdict.longestRecovery == 5000)
        #expect(verdict.recoveries == 1)
        #expect(verdict.ended == 1)
        #expect(!verdict.isEmpty)
        #expect(verdict.report.last == "R1, R3, R4 and R7 held")
    }

    @Test("what is stopped after the end is no loss")
    func tidied() throws {
        let verdict = try verdict(runs: [("worker-1", 5, 71)], faults: [("kill", "worker-1", 20, 20)], stopped: true)
        #expect(verdict.broken.isEmpty)
        #expect(verdict.ended == 0)
    }

    @Test("two copies at once break R1, whether the lock saw them or the beats did")
    func twoCopies() throws {
        let runs = [("worker-1", 5, 24), ("worker-2", 23, 70)]
        let fault = [("cut", "worker-1", 20, 30)]
        let beats = try verdict(runs: runs, faults: fault)
        #expect(beats.broken.count == 1)
        #expect(
            beats.broken.first?.hasPrefix("R1 at 13.00 s: probe@1 on worker-2 (p1) started, and probe@1 on") == true)
        let lock = try verdict(runs: [("worker-1", 5, 22), ("worker-2", 23, 70)], faults: fault, double: true)
        #expect(lock.broken.count == 1)
        #expect(lock.broken.first?.contains("while another copy held its lock") == true)
    }

    @Test(
        "what may end nothing breaks R4 or R7 when a unit ends",
        arguments: [
            ("etcd-kill", "etcd", 20, 40, "R4"), ("etcd-freeze", "etcd", 21, 21, "R4"),
            ("cut", "worker-3", 20, 30, "R7"),
            ("cut", "worker-1", 21, 21, "R7"), ("kill", "worker-1", 21, 21, "R7"), ("halt", "worker-3", 20, 30, "R7"),
            ("halt", "worker-1", 12, 14, "R7"), ("freeze", "worker-1", 50, 60, "R7"),
        ])
    func collateral(kind: String, target: String, from: Int, to: Int, rule: String) throws {
        let verdict = try verdict(
            runs: [("worker-1", 5, 21), ("worker-2", 23, 70)], faults: [(kind, target, from, to)], stopped: false)
        #expect(verdict.broken.count == 1, "\(verdict.broken)")
        #expect(verdict.broken.first?.hasPrefix("\(rule) at 11.00 s: probe@1 on worker-1 (p0) ended") == true)
    }

    @Test(
        "what may end units is told from what may not",
        arguments: [
            ("etcd-freeze", "etcd", 18, 30), ("etcd-start", "etcd", 18, 22),
            ("cut", "worker-1", 18, 30), ("freeze", "worker-1", 18, 30),
            ("kill", "worker-1", 18, 22), ("halt", "worker-1", 20, 30),
        ])
    func explained(kind: String, target: String, from: Int, to: Int) throws {
        let verdict = try verdict(
            runs: [("worker-1", 5, 21), ("worker-2", 23, 70)], faults: [(kind, target, from, to)])
        #expect(verdict.broken.isEmpty)
        #expect(verdict.ended == 1)
    }

    @Test(
        "a store that starts may be silent for longer when everybody had seen it dead",
        arguments: [(10, 19, true), (19, 19, false), (10, 17, false)])
    func start(death: Int, start: Int, isBroken: Bool) throws {
        let verdict = try verdict(
            runs: [("worker-1", 5, 21), ("worker-2", 23, 70)],
            faults: [("etcd-kill", "etcd", death, 21), ("etcd-start", "etcd", start, 21)])
        #expect(verdict.broken.count == (isBroken ? 1 : 0), "\(verdict.broken)")
        #expect(verdict.broken.allSatisfy { $0.hasPrefix("R4 at 11.00 s: probe@1 on worker-1 (p0) ended") })
    }

    @Test("faults that may end nothing are counted")
    func harmless() throws {
        let verdict = try verdict(
            runs: [("worker-1", 5, 70)],
            faults: [("etcd-kill", "etcd", 20, 40), ("cut", "worker-1", 50, 50), ("cut", "worker-1", 55, 60)])
        #expect(verdict.harmlessFaults == 2)
        #expect(verdict.broken.isEmpty)
    }

    @Test("a unit that comes back late breaks R3, and one that never does, too")
    func late() throws {
        let late = try verdict(
            runs: [("worker-1", 5, 20), ("worker-2", 27, 70)], faults: [("halt", "worker-1", 20, 40)])
        #expect(late.broken.count == 1)
        #expect(late.broken.first?.hasPrefix("R3 at 17.00 s: probe@1 ran again 7.00 s after a single fault") == true)
        let never = try verdict(runs: [("worker-1", 5, 20)], faults: [("halt", "worker-1", 20, 40)])
        #expect(never.broken == ["R3 at 60.00 s: probe@1 does not run at the end"])
    }

    @Test("after several faults the way back counts from the last, and from the return of the store")
    func several() throws {
        let machines = try verdict(
            runs: [("worker-1", 5, 20), ("worker-2", 29, 70)],
            faults: [("halt", "worker-1", 20, 40), ("halt", "worker-3", 24, 40)])
        #expect(machines.broken.isEmpty)
        #expect(machines.longestRecovery == nil)
        #expect(machines.longestRecoveryFromSeveral == 5000)
        let store = try verdict(
            runs: [("worker-1", 5, 20), ("worker-2", 46, 70)],
            faults: [("halt", "worker-1", 20, 50), ("etcd-kill", "etcd", 21, 40)])
        #expect(store.broken.isEmpty)
        #expect(store.longestRecoveryFromSeveral == 6000)
    }

    @Test("a host that stood still excuses, and is told")
    func stall() throws {
        let runs = [("worker-1", 5, 20), ("worker-2", 27, 70)]
        let fault = [("kill", "worker-3", 50, 50)]
        #expect(try verdict(runs: runs, faults: fault).broken.count == 1)
        let excused = try verdict(runs: runs, faults: fault, silentHost: 20...23)
        #expect(excused.broken.isEmpty)
        #expect(excused.report.contains("the host itself stood still 1 times, at most 3.00 s"))
    }

    @Test("a record without faults proves nothing, and says so")
    func empty() throws {
        let verdict = try verdict(runs: [("worker-1", 5, 70)], faults: [])
        #expect(verdict.isEmpty)
        #expect(verdict.report.last?.contains("proves nothing") == true)
    }
}
