// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import FleetCore

@Suite("Agent: what comes of a start") struct AgentStartingTests {
    private static let claimed = """
        enter; order web launched v1 @5 => claim web@5
        claimed web => install web v1
        installed web => start web, publish web v1 loaded
        published => -
        seen web inactive/dead => publish web v1 loaded inactive/dead
        published => -

        """

    @Test(
        "a start is told of when systemd has shown or said what came of it",
        arguments: [
            NamedScript(
                "between the order and systemd's first word the store keeps what held before",
                claimed + """
                    issued web => -
                    seen web inactive/dead => -
                    seen web activating/start => publish web v1 launched activating/start
                    """),
            NamedScript(
                "what ExecCondition= asks, and a former run's stop, are no start yet",
                claimed + """
                    issued web => -
                    seen web deactivating/stop => publish web v1 loaded deactivating/stop
                    published => -
                    seen web activating/condition => publish web v1 loaded activating/condition
                    published => -
                    start-skipped web; seen web inactive/dead => publish web v1 launched activating/condition (loaded: no such path)
                    published => publish web v1 launched inactive/dead (loaded: no such path)
                    """),
            NamedScript(
                "work that ends at once is told of at its job's end",
                claimed + """
                    issued web => -
                    start-done web => publish web v1 launched inactive/dead
                    """),
            NamedScript(
                "what ran before a restart is not taken for what runs after it",
                """
                enter; own web launched v1; order web launched v1 #1 @6; file web v1; seen web active/running => restart web, publish web v1 launched active/running
                published => -
                issued web => -
                seen web active/running => -
                start-done web => publish web v1 launched #1 active/running
                """),
            NamedScript(
                "a restart whose stop ends as a failure has not failed itself",
                """
                enter; own web launched v1; order web launched v1 #1 @6; file web v1; seen web active/running => restart web, publish web v1 launched active/running
                published => -
                issued web => -
                seen web failed/failed => publish web v1 launched failed/failed
                published => -
                start-done web; seen web active/running => publish web v1 launched #1 failed/failed
                published => publish web v1 launched #1 active/running
                """),
            NamedScript(
                "a condition that is not met is told of, and nothing is tried again",
                claimed + """
                    issued web => -
                    start-skipped web => publish web v1 launched inactive/dead (loaded: no such path)
                    """),
            NamedScript(
                "the word on a start that failed goes when more is known of a later failure",
                claimed + """
                    issued web; seen web activating/start => publish web v1 launched activating/start
                    start-failed web => -
                    published => publish web v1 launched activating/start (loaded: start failed: exit-code, status 1)
                    published => -
                    explained-fully web => -
                    seen web failed/failed => publish web v1 launched failed/failed (loaded: start failed: exit-code, status 1)
                    published => -
                    explained web => -
                    explained-fully web => publish web v1 launched failed/failed (loaded: failed: exit-code, status 4 of ExecStartPre=/bin/test)
                    """),
            NamedScript(
                "a start that failed is told of with systemd's word, and left to systemd",
                claimed + """
                    issued web; seen web failed/failed => publish web v1 launched failed/failed
                    start-failed web => -
                    published => publish web v1 launched failed/failed (loaded: start failed: exit-code, status 1)
                    published => -
                    explained web => -
                    explained-briefly web => -
                    seen web activating/start => publish web v1 launched activating/start
                    """),
            NamedScript(
                "a start that waits behind others says so, and what came of it later",
                claimed + """
                    issued web => -
                    start-waits web => publish web v1 loaded inactive/dead (loaded: others first)
                    published => -
                    start-done web; seen web active/running => publish web v1 launched inactive/dead
                    published => publish web v1 launched active/running
                    """),
        ])
    func told(table: NamedScript) { Self.check(table) }

    @Test(
        "what systemd does not start is not launched, says why, and is tried again",
        arguments: [
            NamedScript(
                "ever more slowly, up to once in a minute",
                claimed + """
                    10 start-refused web => publish web v1 loaded inactive/dead (loaded: no such unit), wake 11
                    10 published => wake 11
                    11 woke => start web
                    11 start-refused web => wake 13
                    13 woke => start web
                    13 start-refused web => wake 17
                    17 woke => start web
                    17 start-refused web => wake 25
                    25 woke => start web
                    25 start-refused web => wake 41
                    41 woke => start web
                    41 start-refused web => wake 73
                    73 woke => start web
                    73 start-refused web => wake 133
                    133 woke => start web
                    133 issued web => -
                    133 seen web active/running => publish web v1 launched active/running
                    """),
            NamedScript(
                "a job that fails for want of another unit was no start either",
                claimed + """
                    10 issued web => -
                    10 start-refused web => publish web v1 loaded inactive/dead (loaded: no such unit), wake 11
                    """),
            NamedScript(
                "a unit that comes to the machine may be what was missing",
                claimed + """
                    10 start-refused web => publish web v1 loaded inactive/dead (loaded: no such unit), wake 11
                    10 published => wake 11
                    10 order other loaded v1 @7 => claim other@7, wake 11
                    10 claimed other => install other v1, wake 11
                    10 installed other => start web, publish other v1 loaded
                    """),
            NamedScript(
                "what is found damaged is put back at once, and then tried again",
                claimed + """
                    10 start-refused web => publish web v1 loaded inactive/dead (loaded: no such unit), wake 11
                    10 published => wake 11
                    10 damaged web => install web v1
                    10 installed web => start web
                    """),
            NamedScript(
                "a new order is tried at once, and tells by its number that it was",
                claimed + """
                    10 start-refused web => publish web v1 loaded inactive/dead (loaded: no such unit), wake 11
                    10 published => wake 11
                    10 order web launched v1 #1 @8 => start web
                    10 start-refused web => publish web v1 loaded #1 inactive/dead (loaded: no such unit), wake 11
                    """),
            NamedScript(
                "a refused restart leaves what runs, and is tried again as a restart",
                """
                enter; own web launched v1; order web launched v1 #1 @6; file web v1; seen web active/running => restart web, publish web v1 launched active/running
                published => -
                10 start-refused web => publish web v1 launched active/running (loaded: no such unit), wake 11
                10 published => wake 11
                11 woke => restart web
                """),
            NamedScript(
                "a unit that is no longer wanted is not tried again",
                claimed + """
                    10 start-refused web => publish web v1 loaded inactive/dead (loaded: no such unit), wake 11
                    10 published => wake 11
                    10 gone web => uninstall web
                    """),
        ])
    func refused(table: NamedScript) { Self.check(table) }

    @Test(
        "a unit that systemd does not find, since somebody has removed its link, is put back and ordered again, and nobody is told",
        arguments: [
            NamedScript(
                "a start",
                claimed + """
                    10 missing web => install web v1
                    10 installed web => start web
                    10 issued web; seen web active/running => publish web v1 launched active/running
                    """),
            NamedScript(
                "a restart",
                """
                enter; own web launched v1; order web launched v1 #1 @6; file web v1; seen web active/running => restart web, publish web v1 launched active/running
                published => -
                10 missing web => install web v1
                10 installed web => restart web
                """),
            NamedScript(
                "a word that comes late changes nothing",
                claimed + """
                    10 issued web => -
                    10 missing web => -
                    """),
        ])
    func missing(table: NamedScript) { Self.check(table) }

    private static let running = """
        enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
        published => -

        """

    @Test(
        "what cannot be stopped or taken away says why, and keeps its claim",
        arguments: [
            NamedScript(
                "a stop",
                """
                enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
                published => -
                10 gone web => stop web
                10 stop-failed web => publish web v1 launched active/running (loaded: no answer), wake 11
                10 published => wake 11
                11 woke => stop web
                11 stopped web => uninstall web, publish web v1 loaded active/running
                11 published => -
                11 uninstall-failed web => publish web v1 loaded active/running (loaded: processes are left), wake 12
                11 published => wake 12
                12 woke => uninstall web
                12 uninstalled web => withdraw web
                """),
            NamedScript(
                "one that something starts again is taken away as it runs, and starts anew when it is ordered anew",
                running + """
                    10 gone web => stop web
                    10 stop-in-vain web => uninstall web
                    10 uninstalled web => withdraw web
                    10 withdrawn web => -
                    10 order web launched v1 @9 => claim web@9
                    10 claimed web => install web v1
                    10 installed web => start web, publish web v1 loaded
                    """),
            NamedScript(
                "one whose claim somebody has deleted is claimed anew as it runs",
                running + """
                    10 seen web active/exited => publish web v1 launched active/exited
                    10 published; claim-gone web => claim web@5
                    10 claimed web => publish web v1 launched active/exited
                    """),
            NamedScript(
                "one whose order comes once more is published, and claimed anew where its claim is gone",
                running + """
                    10 order web launched v1 @6 => publish web v1 launched active/running
                    10 published; claim-gone web => claim web@6
                    10 claimed web => publish web v1 launched active/running
                    10 published => -
                    10 order web launched v1 @6 => -
                    """),
            NamedScript(
                "one that stays and that something starts again is told of",
                running + """
                    10 order web loaded v1 @9 => stop web
                    10 stop-in-vain web => publish web v1 launched active/running (loaded: it runs again), wake 11
                    10 published => wake 11
                    11 woke => stop web
                    """),
            NamedScript(
                "one that is ordered again while it cannot be taken away gets its links again",
                running + """
                    10 gone web => stop web
                    10 stopped web; seen web inactive/dead => uninstall web, publish web v1 loaded active/running
                    10 published => publish web v1 loaded inactive/dead
                    10 published => -
                    10 order web launched v1 @9 => -
                    10 uninstall-failed web => publish web v1 loaded inactive/dead (loaded: processes are left), wake 11
                    10 published => wake 11
                    11 woke => install web v1
                    11 installed web => start web
                    """),
        ])
    func stuck(table: NamedScript) { Self.check(table) }

    private static func check(_ table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script, showsPublishing: true) == script.text)
    }

    @Test("a unit that flaps is told of a few times at once, then ever more rarely")
    func pace() {
        var pace = ReportPace()
        var reports: [Double] = []
        for tenth in 0..<1200 where pace.mayReport(at: Self.moment(Double(tenth) / 10)) {
            reports.append(Double(tenth) / 10)
        }
        #expect(reports.prefix(7) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.5])
        let pauses = zip(reports.dropFirst(6), reports.dropFirst(7)).map { $1 - $0 }
        #expect(pauses.map { ($0 * 10).rounded() / 10 } == [2, 4, 8, 16, 16, 16, 16, 16, 16])
        let again = (0..<8).map { _ in pace.mayReport(at: Self.moment(200)) }
        #expect(again == Array(repeating: true, count: 6) + [false, false], "it was calm")
        #expect(pace.held == Self.moment(201))
    }

    @Test(
        "the newest state of a flapping unit is told when its time has come, and counts systemd's own restarts",
        arguments: ["", "failed", "inactive"])
    func flapping(between: String) {
        var core = AgentCore(machine: Short.machine("A"))
        let unit = Short.unit("web")
        var files = TestFiles()
        let file = files.hash("web")
        let order = Order(
            assignment: Assignment(machine: core.machine, unit: unit, hash: file, target: .launched), revision: 5)
        var told: [UnitState] = []
        var wake: Moment?
        func take(_ event: AgentEvent, at seconds: Double) {
            var directives = core.handle(event, at: Self.moment(seconds))
            while !directives.publish.isEmpty {
                told += directives.publish
                directives = core.handle(.published(directives.publish), at: Self.moment(seconds))
            }
            wake = directives.wake
        }
        func see(_ active: String, _ sub: String, _ seconds: Double) {
            take(.observed([Observation(unit: unit, load: "loaded", active: active, sub: sub)]), at: seconds)
        }
        take(.entered(own: [], orders: [order], installed: [], observed: []), at: 0)
        take(.claimed(granted: [UnitState(machine: core.machine, unit: unit, hash: file)], lost: []), at: 0)
        take(.installed(InstalledFile(unit: unit, hash: file, isKept: false)), at: 0)
        take(.issued(unit), at: 0)
        told = []
        for round in 0..<50 {
            // Between two runs systemd may show that the unit is down, for an instant.
            if !between.isEmpty { see(between, "dead", Double(round) / 10 - 0.02) }
            see("activating", "auto-restart", Double(round) / 10)
            see("active", "running", Double(round) / 10 + 0.05)
        }
        #expect(told.count < 12, "\(told.count) reports of 100 changes in 5 s")
        #expect(wake != nil, "nobody looks again")
        let last = core.handle(.woke, at: wake ?? Self.moment(0)).publish
        #expect(last.map(\.automaticRestarts) == [50])
        #expect(last.map(\.sub) == ["running"])
        // The end of it all is told a second after it came, however long the next report would be held back.
        take(.published(last), at: 40)
        told = []
        for round in 0..<200 {
            see("failed", "failed", 40 + Double(round) * 0.3)
            see("activating", "auto-restart", 40.1 + Double(round) * 0.3)
            see("active", "running", 40.2 + Double(round) * 0.3)
        }
        #expect(told.count < 16, "\(told.count) reports of 600 changes in 60 s")
        see("failed", "failed", 100.05)
        let rest = Self.moment(101.05)
        #expect(wake.map { $0 <= rest } == true)
        take(.woke, at: 101.05)
        #expect(told.last?.active == "failed" && told.last?.sub == "failed")
        // A unit that is stopped by hand is told of at once: who asks for a start then goes by that.
        see("active", "running", 140)
        for round in 0..<10 { see("active", "\(round)", 171 + Double(round) / 100) }
        see("inactive", "dead", 171.2)
        #expect(told.last?.active == "inactive")
    }

    @Test("what a timer starts again and again is told of ever more rarely, and its end a second after it came")
    func timed() {
        var core = AgentCore(machine: Short.machine("A"))
        let unit = Short.unit("job")
        var files = TestFiles()
        let state = UnitState(machine: core.machine, unit: unit, hash: files.hash("job"), acted: .loaded)
        let order = Order(
            assignment: Assignment(machine: core.machine, unit: unit, hash: state.hash, target: .loaded), revision: 5)
        var told: [String] = []
        func take(_ event: AgentEvent, at seconds: Double) {
            var directives = core.handle(event, at: Self.moment(seconds))
            while !directives.publish.isEmpty {
                told += directives.publish.map(\.active)
                directives = core.handle(.published(directives.publish), at: Self.moment(seconds))
            }
        }
        let file = InstalledFile(unit: unit, hash: state.hash, isKept: false)
        take(.entered(own: [state], orders: [order], installed: [file], observed: []), at: 0)
        for round in 0..<60 {
            for (active, offset) in [("activating", 0.0), ("inactive", 0.1)] {
                let seen = Observation(unit: unit, load: "loaded", active: active, sub: active)
                take(.observed([seen]), at: 1 + Double(round) * 0.3 + offset)
            }
        }
        #expect(told.count < 14, "\(told.count) reports of 120 changes in 18 s")
        take(.woke, at: 20)
        #expect(told.last == "inactive")
    }

    @Test(
        "how a run ended that failed is told of for as long as it shows",
        arguments: [
            NamedScript(
                "until the unit runs again, and not of a later failure",
                """
                enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
                published => -
                10 seen web failed/failed => publish web v1 launched failed/failed
                10 explained web => -
                10 published => publish web v1 launched failed/failed (loaded: failed: exit-code, status 1)
                10 published => -
                20 order web launched v1 #1 @6 => restart web
                20 issued web => -
                20 seen web activating/start => publish web v1 launched #1 activating/start
                20 published => -
                20 seen web failed/failed => publish web v1 launched #1 failed/failed
                """),
            NamedScript(
                "also while systemd is about to try again",
                """
                enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
                published => -
                10 seen web activating/auto-restart => publish web v1 launched activating/auto-restart
                10 explained web => -
                10 published => publish web v1 launched activating/auto-restart (loaded: failed: exit-code, status 1)
                10 published => -
                20 seen web active/running => publish web v1 launched active/running
                """),
            NamedScript(
                "not when the word comes after the unit runs again",
                """
                enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
                published => -
                10 explained web => -
                """),
        ])
    func explained(table: NamedScript) { Self.check(table) }

    @Test("a machine has done what it can about a unit when it has acted, or says why it could not")
    func settled() {
        var state = UnitState(machine: Short.machine("A"), unit: Short.unit("web"), hash: ContentHash(of: "web"))
        func isSettled(_ acted: TargetState, _ active: String, _ sub: String, _ health: String? = nil) -> Bool {
            (state.acted, state.active, state.sub, state.health) = (acted, active, sub, health)
            return state.isSettled(for: .launched)
        }
        #expect(!isSettled(.loaded, "inactive", "dead") && isSettled(.loaded, "inactive", "dead", "no such unit"))
        #expect(!isSettled(.launched, "activating", "start") && isSettled(.launched, "activating", "auto-restart"))
        #expect(isSettled(.launched, "active", "running") && isSettled(.launched, "failed", "failed"))
    }

    private static func moment(_ seconds: Double) -> Moment { Moment(nanoseconds: Int64(seconds * 1e9)) }
}
