// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Agent: sessions, adoption and reports")
struct AgentSessionTests {
    @Test("an agent that is restarted adopts what runs", arguments: adoptionTables)
    func adoption(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script) == script.text)
    }

    @Test("a machine that lost its session claims anew when it is back", arguments: sessionTables)
    func sessions(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script) == script.text)
    }

    @Test("reports go out in batches, one at a time", arguments: reportTables)
    func reports(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script, showsPublishing: true) == script.text)
    }

    static let adoptionTables = [
        NamedScript(
            "a unit that was being stopped when the agent ended is started if it is wanted again",
            """
            enter; own web launched v1 deactivating/stop; order web launched v1 @5; file web v1 started; seen web inactive/dead => start web
            """),
        NamedScript(
            "a unit that is being stopped when the next tenure begins is started if it is wanted again",
            """
            enter; own web launched v1; order web launched v1 @5; file web v1 started; seen web deactivating/stop => start web
            """),
        NamedScript(
            "a unit that is being stopped and whose state somebody has deleted is started if it is wanted again",
            """
            enter; order web launched v1 @5; file web v1 started; seen web deactivating/stop => claim web@5
            claimed web => start web
            issued web => -
            """),
        NamedScript(
            "what is being stopped and was started from an earlier file is started once",
            """
            enter; order web launched v2 @6; file web v2 from-v1; seen web deactivating/stop => claim web@6
            claimed web => start web
            issued web => -
            """),
        NamedScript(
            "work that is done once, is being stopped and whose state somebody has deleted is not started again",
            """
            enter; order job launched v1 @5; file job v1 started once; seen job deactivating/stop => claim job@5
            claimed job => -
            """),
        NamedScript(
            "what is being stopped and is not ordered is stopped",
            """
            enter; file web v1 started; seen web deactivating/stop => stop web
            stopped web => uninstall web
            """),
        NamedScript(
            "a unit that ended by itself while there was no agent is left as it is",
            """
            enter; own web launched v1 active/running; order web launched v1 @5; file web v1 started; seen web inactive/dead => -
            """),
        NamedScript(
            "a unit that runs as ordered is not touched",
            """
            enter; own web launched v1 #2; order web launched v1 #2 @5; file web v1; seen web active/running => -
            woke => -
            """),
        NamedScript(
            "a unit that finished is not started again",
            """
            enter; own job launched v1; order job launched v1 @5; file job v1; seen job inactive/dead => -
            """),
        NamedScript(
            "a unit that failed is not started again",
            """
            enter; own web launched v1; order web launched v1 @5; file web v1; seen web failed/failed => -
            """),
        NamedScript(
            "what was ordered meanwhile is done",
            """
            enter; own a launched v1; order a loaded v1 @5; file a v1; seen a active/running; own b launched v1; order b launched v1 #1 @6; file b v1; seen b active/running; own c launched v1; order c launched v2 @7; file c v1; seen c active/running => install c v2, restart b, stop a
            installed c => restart c
            """),
        NamedScript(
            "what is no longer ordered is stopped",
            """
            enter; own web launched v1; file web v1; seen web active/running => stop web
            stopped web => uninstall web
            uninstalled web => withdraw web
            """),
        NamedScript(
            "a claim that nothing came of is given up",
            """
            enter; own web inactive v1 => withdraw web
            withdrawn web => -
            """),
        NamedScript(
            "a claim that nothing came of goes on",
            """
            enter; own web inactive v1; order web launched v1 @5 => install web v1
            """),
        NamedScript(
            "a unit that was installed and not started is started",
            """
            enter; own web loaded v1; order web launched v1 @5; file web v1; seen web inactive/dead => start web
            """),
        NamedScript(
            "a new file that the former run installed without restarting the unit restarts it",
            """
            enter; own web launched v1; order web launched v2 @6; file web v2; seen web active/running => restart web
            issued web => -
            """),
        NamedScript(
            "what runs from an earlier file than the note tells of is restarted, whatever the store says",
            """
            enter; own web launched v2; order web launched v2 @6; file web v2 from-v1; seen web active/running => restart web
            issued web => -
            """),
        NamedScript(
            "a new file of a unit that has ended by then, which the former run did not get to starting, is started",
            """
            enter; own job launched v1; order job launched v2 @6; file job v2 from-v1 once; seen job inactive/dead => restart job
            """),
        NamedScript(
            "what runs from the file that the note tells of is not touched, though the store is behind",
            """
            enter; own web launched v1; order web launched v2 @6; file web v2 started; seen web active/running => -
            """),
        NamedScript(
            "an order to start that may never have reached systemd is given once more",
            """
            enter; own web loaded v1; order web launched v1 @5; file web v1 started; seen web inactive/dead => start web
            """),
        NamedScript(
            "an order to start work that is done once is not given twice",
            """
            enter; own job loaded v1; order job launched v1 @5; file job v1 started once; seen job inactive/dead => -
            """),
        NamedScript(
            "a file without claim and order is stopped if it runs, and removed",
            """
            enter; file a v1; seen a active/running; file b v1; seen b inactive/dead => uninstall b, stop a
            """),
    ]

    static let sessionTables = [
        NamedScript(
            "after a fence everything is claimed before it is started",
            """
            enter; order web launched v1 @5 => claim web@5
            claimed web => install web v1
            installed web => start web
            issued web => -
            fenced? => web
            left => -
            fenced? => web
            order web launched v1 @5 => -
            enter; order web launched v1 @5; file web v1; seen web inactive/dead => claim web@5
            claimed web => start web
            """),
        NamedScript(
            "what another machine took over meanwhile is removed",
            """
            enter; file web v1; seen web failed/failed => uninstall web
            uninstalled web => -
            """),
        NamedScript(
            "a kept unit runs on, is no fenced unit, and is adopted after it is claimed",
            """
            enter; order web launched v1 @5 => claim web@5
            claimed web => install web v1
            installed web kept => start web
            issued web => -
            fenced? =>
            left => -
            enter; order web launched v1 @5; file web v1 kept; seen web active/running => claim web@5
            claimed web => -
            """),
        NamedScript(
            "a kept unit whose file was replaced just before the session was lost is restarted when it is claimed",
            """
            enter; order web launched v2 @5; file web v2 kept from-v1; seen web active/running => claim web@5
            claimed web => restart web
            issued web => -
            """),
        NamedScript(
            "a kept unit that changed back to the file it runs from is left alone",
            """
            enter; order web launched v1 @6; file web v2 kept from-v1; seen web active/running => claim web@6
            claimed web => install web v1
            installed web kept => -
            """),
        NamedScript(
            "a kept unit whose claim is lost to a newer order is not stopped",
            """
            enter; order web launched v1 @5; file web v1 kept; seen web active/running => claim web@5
            lost web => -
            order web launched v1 @6 => claim web@6
            claimed web => -
            """),
        NamedScript(
            "a kept unit that runs elsewhere by now is stopped",
            """
            enter; file web v1 kept; seen web active/running => stop web
            stopped web => uninstall web
            uninstalled web => -
            """),
        NamedScript(
            "answers from before the loss of the session are ignored",
            """
            enter; order web launched v1 @5 => claim web@5
            left => -
            claimed web => -
            enter => -
            claimed web => -
            order web launched v1 @5 => claim web@5
            """),
        NamedScript(
            "nothing is retried without a session",
            """
            enter; order web launched v1 @5 => claim web@5
            1 claim-failed web => wake 2
            1 left => -
            2 woke => -
            """),
    ]

    static let reportTables = [
        NamedScript(
            "a unit that was being stopped for another file when the agent ended is reported with that file",
            """
            enter; own web launched v1 deactivating/stop; order web loaded v2 @5; file web v2; seen web inactive/dead => publish web v2 loaded inactive/dead
            """),
        NamedScript(
            "nothing is decided between two tenures by what was known in the first",
            """
            enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
            published => -
            entering; seen web failed/failed => -
            enter; own web launched v1 active/running; order web launched v1 @5; file web v1; seen web failed/failed => publish web v1 launched failed/failed
            """),
        NamedScript(
            "what happens while a report is under way goes into the next one",
            """
            enter; order web launched v1 @5 => claim web@5
            claimed web => install web v1
            installed web => start web, publish web v1 loaded
            issued web => -
            seen web activating/start => -
            seen web active/running => -
            published => publish web v1 launched active/running
            published => -
            seen web active/running => -
            """),
        NamedScript(
            "several units share a report",
            """
            enter; own a launched v1; order a launched v1 @5; file a v1; own b launched v1; order b launched v1 @6; file b v1 => -
            seen a active/running; seen b active/running => publish a v1 launched active/running
            published => publish b v1 launched active/running
            """),
        NamedScript(
            "a report that failed is repeated later, with what holds then",
            """
            enter; own a launched v1; order a launched v1 @5; file a v1 => -
            10 seen a active/running => publish a v1 launched active/running
            10 publish-failed => wake 11
            10 seen a failed/failed => wake 11
            11 woke => publish a v1 launched failed/failed
            """),
        NamedScript(
            "a report that may or may not have been written is written over, also by what held before",
            """
            enter; own a launched v1; order a launched v1 @5; file a v1; seen a active/running => publish a v1 launched active/running
            published => -
            10 seen a failed/failed => publish a v1 launched failed/failed
            10 publish-failed => wake 11
            10 seen a active/running => wake 11
            11 woke => publish a v1 launched active/running
            """),
        NamedScript(
            "a file that cannot be installed shows as the unit's problem, until it can be",
            """
            enter; order web launched v1 @5 => claim web@5
            claimed web => install web v1
            10 install-failed web => publish web v1 inactive (error: bad file), wake 11
            10 published => wake 11
            11 woke => install web v1
            11 installed web => start web, publish web v1 loaded
            """),
        NamedScript(
            "a problem of a file that is no longer ordered is not shown",
            """
            enter; own web launched v1; order web launched v2 @6; file web v1 => install web v2
            10 install-failed web => publish web v1 launched (error: bad file), wake 11
            10 published => wake 11
            10 order web launched v1 @7 => publish web v1 launched
            """),
        NamedScript(
            "a new file is told of as in force when the unit was restarted with it",
            """
            enter; own web launched v1; order web launched v2 @6; file web v1 => install web v2
            installed web => restart web
            issued web => -
            seen web active/running => publish web v1 launched active/running
            published => -
            seen web deactivating/stop; seen web inactive/dead => publish web v1 launched deactivating/stop
            published => publish web v1 launched inactive/dead
            published; seen web activating/start => publish web v2 launched activating/start
            """),
        NamedScript(
            "a key is not deleted while a report is under way that would bring it back",
            """
            enter; own web launched v1; order web launched v1 @5; file web v1; seen web active/running => publish web v1 launched active/running
            gone web => stop web
            stopped web => uninstall web
            uninstalled web => -
            published => withdraw web
            withdrawn web => -
            """),
        NamedScript(
            "nor after one that failed",
            """
            enter; own web launched v1; order web launched v1 @5; file web v1; seen web inactive/dead => publish web v1 launched inactive/dead
            gone web => stop web
            stopped web => uninstall web
            uninstalled web => -
            3 publish-failed => withdraw web, wake 4
            """),
    ]
}
