// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Engine: steps under way and take-over")
struct EngineHandoverTests {
    @Test("what is under way is not decided twice", arguments: pendingTables)
    func pending(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("a unit is placed only when no machine holds it", arguments: claimTables)
    func claims(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("a new leader repairs what its predecessor left", arguments: takeoverTables)
    func takeover(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    static let pendingTables = [
        NamedScript(
            "not committed, committed, shown",
            """
            A; web launched; hold => A: web launched
            => -
            B => -
            commit => -
            C => -
            echo => -
            """),
        NamedScript(
            "shown before the answer came",
            """
            A; web launched; hold => A: web launched
            echo => -
            commit => -
            web loaded => A: web loaded
            """),
        NamedScript(
            "shown before the answer came, and changed between the two",
            """
            A; web launched; hold => A: web launched
            echo; web inactive => -
            commit => -A: web
            """),
        NamedScript(
            "a place that is left counts as free once both answer and echo are there",
            """
            A; a launched; b launched Conflicts=a.service => A: a launched
            a inactive; hold => -A: a
            echo => -
            commit => A: b launched
            """),
        NamedScript(
            "what the user changes meanwhile is decided once the step is seen",
            """
            A; web launched; hold => A: web launched
            web inactive => -
            commit => -
            echo => -A: web
            """),
        NamedScript(
            "a step that failed is decided anew, in the light of what is known then",
            """
            A; B; web launched; hold => A: web launched
            -A => -
            fail => B: web launched
            """),
        NamedScript(
            "a step that failed frees the place that it had in mind",
            """
            A; a launched Conflicts=b.service; b launched; hold => A: a launched
            fail; a inactive => A: b launched
            """),
        NamedScript(
            "a machine that came back makes the step that took over from it fail",
            """
            A; B; web launched => A: web launched
            A> web launched; -A; hold => -A: web, B: web launched if A is gone
            fail; A => -
            """),
        NamedScript(
            "places that are under way count as taken",
            """
            A; B; a launched; hold => A: a launched
            b launched; hold => B: b launched
            c launched; hold => A: c launched
            """),
    ]

    static let claimTables = [
        NamedScript(
            "a claim that won the race against its withdrawal is waited out",
            """
            A role=web; B role=db; web launched MachineMetadata=role=web => A: web launched
            web launched MachineMetadata=role=db; hold => -A: web
            A> web inactive => -
            commit; echo => -
            why web => still stopping on aaaaaaaa
            -A> web => B: web launched
            """),
        NamedScript(
            "a withdrawal that nobody had claimed is over with its echo, not before",
            """
            A role=web; B role=db; web launched MachineMetadata=role=web => A: web launched
            web launched MachineMetadata=role=db; hold => -A: web
            commit => -
            echo => B: web launched
            """),
        NamedScript(
            "the state key may go before the echo comes",
            """
            A role=web; B role=db; web launched MachineMetadata=role=web => A: web launched
            A> web launched; web launched MachineMetadata=role=db; hold => -A: web
            land; -A> web => -
            commit; echo => B: web launched
            """),
        NamedScript(
            "a unit nobody ordered that a machine still holds is waited out",
            """
            A; B; A> web launched; web launched => -
            why web => still stopping on aaaaaaaa
            -A => B: web launched
            """),
        NamedScript(
            "the conflicts of a destroyed unit hold until it is stopped",
            """
            A; db launched Conflicts=web* => A: db launched
            A> db launched; -db => -A: db
            web launched => -
            -A> db => A: web launched
            """),
    ]

    static let takeoverTables = [
        NamedScript(
            "a unit that was destroyed and made anew while nobody led is not the one that runs",
            """
            A; B; web launched => A: web launched
            A> web launched; -web; web launched; takeover => -A: web
            -A> web => A: web launched
            A> web launched; takeover => -
            """),
        NamedScript(
            "nor is it on every machine that runs one",
            """
            A; B; log launched Global=yes => A: log launched | B: log launched
            A> log launched; B> log launched; -log; log launched Global=yes; takeover => -A: log | -B: log
            -A> log => A: log launched
            why log => still stopping on bbbbbbbb
            -B> log => B: log launched
            A> log launched; B> log launched; takeover => -
            """),
        NamedScript(
            "a converged cluster is left alone",
            """
            A; B; a launched; b loaded; log launched Global=yes => A: a launched | B: b loaded | A: log launched | B: log launched
            A> a launched; B> b loaded; A> log launched; B> log launched
            takeover => -
            """),
        NamedScript(
            "assignments of units that nobody wants are withdrawn",
            """
            A; A: gone launched; A: off launched; off inactive; A> gone launched
            takeover => -A: gone | -A: off
            """),
        NamedScript(
            "of two live assignments the one that is held stays",
            """
            A; B; A: web launched; B: web launched; B> web launched; web launched
            takeover => -A: web
            """),
        NamedScript(
            "of two live assignments that nobody holds the lowest stays",
            """
            A; B; web launched; B: web launched; A: web launched
            takeover => -B: web
            """),
        NamedScript(
            "assignments of lost machines are taken over one by one, since a step can ask for the absence of one only",
            """
            C; web launched; A: web launched; B: web launched
            takeover => -B: web
            => -A: web, C: web launched if A is gone
            """),
        NamedScript(
            "a live assignment makes those of lost machines void",
            """
            B; web launched; A: web launched; B: web launched
            takeover => -A: web
            """),
        NamedScript(
            "a withdrawal of the predecessor is finished",
            """
            A; B; web launched; A> web launched
            takeover => -
            -A> web => A: web launched
            """),
        NamedScript(
            "an assignment that is out of date is brought up to date",
            """
            A; web loaded; A: web loaded; A> web loaded; web launched v2 #3
            takeover => A: web launched v2 #3
            """),
        NamedScript(
            "steps of the predecessor that were under way are seen as done or not at all",
            """
            A; a launched; hold => A: a launched
            takeover => A: a launched
            b launched; hold => A: b launched
            land; takeover => -
            """),
        NamedScript(
            "globals are brought to machines that came meanwhile, and taken from the lost",
            """
            A; B; log launched Global=true; A: log launched; C: log launched
            takeover => B: log launched | -C: log
            """),
        NamedScript(
            "an evicted unit and its evictor",
            """
            A; B; old launched; new launched Replaces=old*; A: old launched; A: new launched; A> old launched
            takeover => -A: old
            -A> old => B: old launched
            """),
    ]
}
