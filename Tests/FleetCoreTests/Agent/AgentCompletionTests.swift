// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Agent: units that run once")
struct AgentCompletionTests {
    @Test("a run that came to its end is told to the store, once", arguments: recordTables)
    func records(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script) == script.text)
    }

    @Test("what has been done is not done again, unless the user asks for it", arguments: holdTables)
    func holds(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script) == script.text)
    }

    @Test("a unit that failed elsewhere is reported as failed")
    func reportsOfFailure() {
        let script = Script(
            """
            enter; order job launched v1 @5 => claim job@5
            done job v1 B failed; claimed job => install job v1
            installed job once => publish job v1 launched failed/failed (: failed on machine bbbbbbbb; restart it to run it again)
            published => -
            seen job inactive/dead => publish job v1 launched failed/failed (loaded: failed on machine bbbbbbbb; restart it to run it again)
            published => -
            seen job activating/start => publish job v1 launched activating/start
            """)
        #expect(AgentScript.transcript(script, showsPublishing: true) == script.text)
    }

    private static let started = """
        enter => -
        order job launched v1 #1 @5 => claim job@5
        claimed job => install job v1
        done job; installed job once => start job

        """

    static let recordTables = [
        NamedScript(
            "success",
            started + """
                issued job; seen job activating/start => -
                seen job inactive/dead => -
                job job done => done job v1 #1@5
                recorded => -
                woke => -
                """),
        NamedScript(
            "the answer to the order to start comes last",
            started + """
                seen job activating/start; seen job inactive/dead; job job done => done job v1 #1@5
                issued job => -
                """),
        NamedScript(
            "failure",
            started + """
                issued job; seen job activating/start; seen job failed/failed; job job failed => failed job v1 #1@5
                """),
        NamedScript(
            "a failure that systemd retries is no end, the success after it is",
            """
            enter; order job launched v1 @5 => claim job@5
            claimed job => install job v1
            installed job once retried => start job
            issued job; seen job activating/start; seen job failed/failed; job job failed => -
            seen job activating/auto-restart; seen job activating/start; seen job inactive/dead; job job done => done job v1@5
            """),
        NamedScript(
            "a run that was stopped is none",
            started + """
                issued job; seen job activating/start; job job cancelled; seen job deactivating/stop => -
                seen job inactive/dead; job job done => -
                """),
        NamedScript(
            "a unit whose condition did not hold has not run",
            started + """
                issued job; seen job inactive/dead; job job done => -
                """),
        NamedScript(
            "a timer's run of a unit that is only loaded is none of ours",
            """
            enter; order job loaded v1 @5 => claim job@5
            claimed job => install job v1
            installed job once => -
            seen job activating/start; seen job inactive/dead; job job done => -
            """),
        NamedScript(
            "a run of the former file does not count for the new one",
            started + """
                issued job; seen job activating/start => -
                order job launched v2 #1 @6 => install job v2
                installed job once => restart job
                issue-failed job => wake 1
                seen job inactive/dead; job job done => wake 1, wake 1
                """),
        NamedScript(
            "systemd's late word of a run that a restart has overtaken does not make it count",
            started + """
                issued job; seen job activating/start-pre => -
                order job launched v2 #1 @6 => install job v2
                installed job once => restart job
                seen job activating/start; seen job inactive/dead; job job done => -
                issued job; seen job activating/start; seen job inactive/dead; job job done => done job v2 #1@6
                """),
        NamedScript(
            "the first word of a run comes after the order to restart that has overtaken it",
            started + """
                issued job => -
                order job launched v2 #1 @6 => install job v2
                installed job once => restart job
                seen job activating/start; seen job inactive/dead; job job done => -
                """),
        NamedScript(
            "the run that a restart starts counts when systemd has ended the one before",
            started + """
                issued job; seen job activating/start => -
                order job launched v2 #1 @6 => install job v2
                installed job once => restart job
                seen job deactivating/stop; seen job activating/start; seen job inactive/dead; job job done => done job v2 #1@6
                """),
        NamedScript(
            "a report that failed is sent again",
            started + """
                issued job; seen job activating/start; seen job inactive/dead; job job done => done job v1 #1@5
                record-failed => wake 1
                1 woke => done job v1 #1@5
                """),
        NamedScript(
            "a report of what is no longer wanted is dropped",
            started + """
                issued job; seen job activating/start; seen job inactive/dead; job job done => done job v1 #1@5
                order job loaded v1 #1 @6 => stop job
                record-failed => wake 1
                1 woke => -
                """),
        NamedScript(
            "a run that ended while the agent was away is told",
            """
            enter; own job launched v1 activating/start; order job launched v1 @5; file job v1 once; seen job inactive/dead => done job v1@5
            """),
    ]

    static let holdTables = [
        NamedScript(
            "it moved to this machine after it was done elsewhere",
            """
            enter; order job launched v1 @5 => claim job@5
            claimed job => install job v1
            done job v1 B; installed job once => -
            woke => -
            gone job => stop job
            stopped job => uninstall job
            """),
        NamedScript(
            "it failed elsewhere",
            """
            enter; order job launched v1 @5 => claim job@5
            claimed job => install job v1
            done job v1 B failed; installed job once => -
            """),
        NamedScript(
            "another file, or a restart that the user asked for, is not done yet",
            """
            enter; order job launched v2 @5; order old launched v1 #1 @6 => claim job@5, claim old@6
            claimed job; claimed old => install job v2, install old v1
            done job v1 B; done old v1 B; installed job once; installed old once => start job, start old
            """),
        NamedScript(
            "a restart while it is held back runs it",
            """
            enter; order job launched v1 @5 => claim job@5
            claimed job => install job v1
            done job v1 B; installed job once => -
            order job launched v1 #1 @6 => restart job
            """),
        NamedScript(
            "stopped and started again by the user it runs again",
            """
            enter; order job launched v1 @5 => claim job@5
            claimed job => install job v1
            done job v1 B; installed job once => -
            order job loaded v1 @6 => stop job
            stopped job => -
            order job launched v1 @7 => start job
            """),
        NamedScript(
            "a unit that is to run for good is started whatever the store says",
            """
            enter; order web launched v1 @5 => claim web@5
            claimed web => install web v1
            done web v1 B; installed web => start web
            """),
        NamedScript(
            "the machine lost its session after the unit was done",
            """
            enter; own job launched v1; order job launched v1 @5; file job v1 once; seen job inactive/dead => -
            left => -
            done job v1 => -
            enter; order job launched v1 @5; file job v1 once; seen job inactive/dead => claim job@5
            claimed job => -
            """),
        NamedScript(
            "a restart was done, and the former agent ended before its state said so",
            """
            done job v1 #1 => -
            enter; own job launched v1; order job launched v1 #1 @5; file job v1 once started; seen job inactive/dead => -
            """),
        NamedScript(
            "a restart was not done when the former agent ended",
            """
            done job v1 => -
            enter; own job launched v1; order job launched v1 #1 @5; file job v1 once started; seen job inactive/dead => restart job
            """),
        NamedScript(
            "a unit that is loaded and runs through another one is left alone by a new agent",
            """
            enter; own job loaded v1; order job loaded v1 @5; file job v1; seen job active/running => -
            """),
        NamedScript(
            "a unit that the former agent started without having said so is stopped when it is to be loaded only",
            """
            enter; own job loaded v1; order job loaded v1 @5; file job v1 started; seen job active/running => stop job
            """),
        NamedScript(
            "a unit that the former agent started without having said so is not started again",
            """
            enter; own job loaded v1; order job launched v1 @5; file job v1 once started; seen job inactive/dead => -
            """),
    ]
}
