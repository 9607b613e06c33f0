// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Agent")
struct AgentCoreTests {
    @Test("a unit is led from its order to running, and back", arguments: lifeTables)
    func life(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script) == script.text)
    }

    @Test("what fails is tried again, not at once, and not for ever as before", arguments: failureTables)
    func failures(table: NamedScript) {
        let script = Script(table.text)
        #expect(AgentScript.transcript(script) == script.text)
    }

    private static let running = """
        enter => -
        order web launched v1 @5 => claim web@5
        claimed web => install web v1
        installed web => start web
        issued web => -
        seen web active/running => -

        """

    /// Loaded only, and started by something else before its file changed.
    private static let fromFormerFile = """
        enter; order web loaded v1 @5 => claim web@5
        claimed web => install web v1
        installed web => -
        seen web active/running => -
        order web loaded v2 @6 => install web v2
        installed web => -

        """

    static let lifeTables = [
        NamedScript(
            "claimed, installed, started; stopped, uninstalled, given up",
            running + """
                gone web => stop web
                stopped web => uninstall web
                uninstalled web => withdraw web
                withdrawn web => -
                seen web inactive/dead => -
                """),
        NamedScript(
            "nothing is done before the agent has entered",
            """
            order web launched v1 @5 => -
            enter; order web launched v1 @5 => claim web@5
            """),
        NamedScript(
            "a unit that is loaded is installed and not started",
            """
            enter; order web loaded v1 @5 => claim web@5
            claimed web => install web v1
            installed web => -
            order web launched v1 @6 => start web
            issued web => -
            order web loaded v1 @7 => stop web
            stopped web => -
            gone web => uninstall web
            uninstalled web => withdraw web
            """),
        NamedScript(
            "what something else has started from a former file is restarted when it is ordered",
            fromFormerFile + """
                order web launched v2 @7 => restart web
                issued web => -
                seen web activating/start => -
                """),
        NamedScript(
            "what ended meanwhile is started",
            fromFormerFile + """
                seen web inactive/dead => -
                order web launched v2 @7 => start web
                """),
        NamedScript(
            "a new file restarts a launched unit once",
            running + """
                order web launched v2 @6 => install web v2
                installed web => restart web
                issued web => -
                woke => -
                """),
        NamedScript(
            "a new file does not start a unit that is loaded",
            """
            enter; order web loaded v1 @5 => claim web@5
            claimed web => install web v1
            installed web => -
            order web loaded v2 @6 => install web v2
            installed web => -
            """),
        NamedScript(
            "two new files restart once, and a file that comes back restarts not at all",
            running + """
                order web launched v2 @6 => install web v2
                order web launched v3 @7 => -
                installed web => install web v3
                order web launched v1 @8 => -
                installed web => install web v1
                installed web => -
                """),
        NamedScript(
            "a restart number restarts once, also when it rises by more than one",
            running + """
                order web launched v1 #2 @6 => restart web
                issued web => -
                order web launched v1 #3 @7 => restart web
                issued web => -
                """),
        NamedScript(
            "a restart that is asked for while one is under way is done after it",
            running + """
                order web launched v1 #1 @6 => restart web
                order web launched v1 #2 @7 => -
                issued web => restart web
                issued web => -
                """),
        NamedScript(
            "a unit that is started has the restarts of before behind it",
            """
            enter; order web launched v1 #4 @5 => claim web@5
            claimed web => install web v1
            installed web => start web
            issued web => -
            """),
        NamedScript(
            "an order that goes while the unit is installed",
            """
            enter; order web launched v1 @5 => claim web@5
            claimed web => install web v1
            gone web => -
            installed web => uninstall web
            uninstalled web => withdraw web
            withdrawn web => -
            """),
        NamedScript(
            "an order that comes back while the unit is stopped",
            running + """
                gone web => stop web
                order web launched v1 @7 => -
                stopped web => start web
                issued web => -
                """),
        NamedScript(
            "an order that comes back while the claim is given up is claimed anew",
            running + """
                gone web => stop web
                stopped web => uninstall web
                uninstalled web => withdraw web
                order web launched v1 @9 => -
                withdrawn web => claim web@9
                """),
        NamedScript(
            "a lost claim touches nothing and waits for the order that holds",
            """
            enter; order web launched v1 @5 => claim web@5
            lost web => -
            woke => -
            order web launched v1 @6 => claim web@6
            """),
        NamedScript(
            "a lost claim whose order goes is forgotten",
            """
            enter; order web launched v1 @5 => claim web@5
            lost web => -
            gone web => -
            order web launched v1 @9 => claim web@9
            """),
        NamedScript(
            "a claim that is lost to an order that is known already",
            """
            enter; order web launched v1 @5 => claim web@5
            order web launched v1 @6 => -
            lost web => claim web@6
            """),
        NamedScript(
            "a unit that is down by itself is not started again: that is systemd's business",
            running + """
                seen web failed/failed => -
                woke => -
                """),
        NamedScript(
            "a stop that is told before systemd's word of it does not stop again",
            running + """
                gone web => stop web
                stopped web => uninstall web
                seen web active/running => -
                uninstalled web => withdraw web
                """),
        NamedScript(
            "late answers to operations that are not under way change nothing",
            running + """
                stopped web => -
                uninstalled web => -
                withdrawn web => -
                claim-failed web => -
                install-failed web => -
                stop-failed web => -
                issue-failed web => -
                issued other => -
                installed other => -
                woke => -
                """),
        NamedScript(
            "units are handled in one batch, in the order of their names",
            """
            enter; order c launched @5; order a launched @6; order b launched @7 => claim a@6, claim b@7, claim c@5
            """),
    ]

    static let failureTables = [
        NamedScript(
            "a claim without an answer",
            """
            enter; order web launched v1 @5 => claim web@5
            10 claim-failed web => wake 11
            10.5 woke => wake 11
            10.5 seen web inactive/dead => wake 11
            11 woke => claim web@5
            11 claimed web => install web v1
            """),
        NamedScript(
            "a claim without an answer is given up in the store when the order goes: it may have been granted",
            """
            enter; order web launched v1 @5 => claim web@5
            10 claim-failed web => wake 11
            10.1 gone web => withdraw web
            10.2 withdraw-failed web => wake 11.2
            11.2 woke => withdraw web
            11.3 withdrawn web => -
            """),
        NamedScript(
            "a new order does not wait for the retry of the old",
            """
            enter; order web launched v1 @5 => claim web@5
            10 claim-failed web => wake 11
            10.1 order web launched v2 @6 => claim web@6
            """),
        NamedScript(
            "install, start, stop and withdrawal",
            """
            enter; order web launched v1 @5 => claim web@5
            10 claimed web => install web v1
            10 install-failed web => wake 11
            11 woke => install web v1
            11 installed web => start web
            11 issue-failed web => wake 12
            12 woke => start web
            12 issued web => -
            12 gone web => stop web
            12 stop-failed web => wake 13
            13 woke => stop web
            13 stopped web => uninstall web
            13 uninstalled web => withdraw web
            13 withdraw-failed web => wake 14
            14 woke => withdraw web
            14 withdrawn web => -
            """),
        NamedScript(
            "a restart",
            running + """
                10 order web launched v1 #1 @6 => restart web
                10 issue-failed web => wake 11
                11 woke => restart web
                11 issued web => -
                """),
        NamedScript(
            "a file that cannot be installed for good is looked at again much later",
            """
            enter; order web launched v1 @5 => claim web@5
            10 claimed web => install web v1
            10 install-failed web lasting => wake 70
            11 woke => wake 70
            12 order web launched v2 @6 => install web v2
            """),
        NamedScript(
            "what somebody has to mend on the machine is tried ever more seldom, and again when another unit's file has come",
            """
            enter; order web launched v1 @5 => claim web@5
            10 claimed web => install web v1
            10 install-failed web standing => wake 11
            11 woke => install web v1
            11 install-failed web standing => wake 13
            13 woke => install web v1
            13 install-failed web standing => wake 17
            14 order db loaded v1 @6 => claim db@6, wake 17
            14 claimed db => install db v1, wake 17
            14 installed db => install web v1
            14 installed web => start web
            """),
        NamedScript(
            "one unit's failure holds up no other",
            """
            enter; order a launched @5; order b launched @6 => claim a@5, claim b@6
            10 claim-failed a => wake 11
            10 claimed b => install b v1, wake 11
            """),
    ]
}
