// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Systemd

@Suite("Watched units")
struct WatchTableTests {
    private func status(_ active: String, job: UnitStatus.Job? = nil) -> UnitStatus {
        UnitStatus(name: "web.service", load: "loaded", active: active, sub: "", job: job)
    }

    @Test("each unit has a rule of its own until there are too many, then one rule serves all")
    func rules() {
        var table = WatchTable()
        table.add(["a.service", "b.service"])
        var changes = table.ruleChanges()
        #expect(changes.add == [MatchRule.unit("a.service"), MatchRule.unit("b.service")])
        table.remove(["a.service"])
        changes = table.ruleChanges()
        #expect(changes.add.isEmpty && changes.remove == [MatchRule.unit("a.service")])

        let many = (0...WatchTable.mostRules).map { "u\($0).service" }
        table.add(many)
        changes = table.ruleChanges()
        #expect(changes.add == [MatchRule.everyUnit] && changes.remove == [MatchRule.unit("b.service")])
        // Just below the limit nothing changes back.
        table.remove(Array(many.prefix(10)))
        changes = table.ruleChanges()
        #expect(changes.add.isEmpty && changes.remove.isEmpty)
        table.remove(many)
        changes = table.ruleChanges()
        #expect(changes.add == [MatchRule.unit("b.service")] && changes.remove == [MatchRule.everyUnit])
    }

    @Test("after a reconnect every rule is made again")
    func reconnect() {
        var table = WatchTable()
        table.add(["a.service"])
        _ = table.ruleChanges()
        table.connectionChanged()
        let changes = table.ruleChanges()
        #expect(changes.add == [MatchRule.unit("a.service")] && changes.remove.isEmpty)
    }

    /// What systemd tells of a service that runs, that ended well, and that failed.
    private enum Run {
        static func of(_ result: String, code: Int32, status: Int32) -> RunEnd {
            RunEnd(["Result": .string(result), "ExecMainCode": .signed(code), "ExecMainStatus": .signed(status)])
        }
        static let goesOn = of("success", code: 0, status: 0)
        static let well = of("success", code: 1, status: 0)
        static let failed = of("exit-code", code: 1, status: 7)
        static let killed = of("signal", code: 2, status: 9)
    }

    @Test(
        "the end of a run is that of the job which is asked about, though the next run has begun",
        arguments: [
            ([Run.goesOn, Run.failed, nil], .failed, Run.failed),
            ([Run.failed, nil, Run.goesOn], .failed, Run.failed),
            ([Run.failed, nil, Run.goesOn], .dependency, Run.failed),
            // What is up is not down for what was before.
            ([Run.failed, nil, Run.goesOn], .done, Run.goesOn),
            ([Run.failed, nil, Run.goesOn, nil], .failed, Run.goesOn),
            // The newest failure, of a run that no job has begun.
            ([Run.failed, nil, Run.goesOn, Run.killed], .failed, Run.killed),
            // Somebody has reset it, or it went well.
            ([Run.failed, nil, Run.well], .failed, Run.well),
            ([Run.failed, nil, Run.well, Run.goesOn], .failed, Run.goesOn),
        ] as [([RunEnd?], JobResult, RunEnd)])
    func runEnds(told: [RunEnd?], result: JobResult, end: RunEnd) {
        var table = WatchTable()
        table.add(["web.service"])
        // Nothing is told where a job is gone.
        for run in told {
            if let run { table.update("web.service", run) } else { table.jobRemoved("web.service") }
        }
        #expect(table.end(of: "web.service", after: result) == end)
        table.connectionChanged()
        #expect(table.end(of: "web.service", after: result) == nil)
    }

    @Test("only news is news")
    func news() {
        var table = WatchTable()
        let unwatched = table.update(status("active"))
        #expect(!unwatched)
        table.add(["web.service"])
        let news = [
            table.update(status("inactive")), table.update(status("inactive")), table.update(status("active")),
            table.update(status("active", job: .init(id: 1, type: "stop"))),
            table.update(status("active", job: .init(id: 1, type: nil))),
            table.update(status("active", job: .init(id: 2, type: nil))),
        ]
        #expect(news == [true, false, true, true, false, true])
    }
}

@Suite("Ends of processes")
struct ExitTests {
    @Test(
        "an end that cannot have brought the outcome about is none of it",
        arguments: [
            ("exit-code", false, 3, true), ("exit-code", false, 0, false), ("exit-code", true, 15, false),
            ("signal", true, 9, true), ("signal", false, 1, false), ("core-dump", true, 11, true),
            ("protocol", false, 0, false), ("protocol", false, 1, true), ("timeout", true, 15, true),
            (nil, false, 0, true),
        ] as [(String?, Bool, Int32, Bool)])
    func explains(result: String?, isSignal: Bool, status: Int32, explains: Bool) {
        #expect(StartReport.Exit(isSignal: isSignal, status: status).explains(result) == explains)
    }
}

@Suite("Endpoints")
struct BusEndpointTests {
    @Test("paths are escaped as D-Bus addresses demand")
    func escaping() {
        #expect(BusEndpoint.escape("/run/a_b-c.d") == "/run/a_b-c.d")
        #expect(BusEndpoint.escape("/run/a b,c=d;%") == "/run/a%20b%2cc%3dd%3b%25")
    }
}
