// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Engine: cordon and drain")
struct EngineDrainTests {
    @Test("machines are closed, emptied and opened", arguments: tables)
    func leaving(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    static let tables = [
        NamedScript(
            "a cordoned machine keeps its units and takes no new ones",
            """
            A; B; web launched => A: web launched
            A> web launched; cordon A; db launched => B: db launched
            B> db launched; -B => -
            why db => 0 of 1 machines can take it: 1 machine is cordoned (such as aaaaaaaa)
            web launched v2 => A: web launched v2
            uncordon A => -B: db, A: db launched if B is gone
            """),
        NamedScript(
            "a machine that can take no units keeps those that it has, and gets what waits when it can again",
            """
            A; web launched => A: web launched
            A> web launched; A !full; db launched => -
            why db => 0 of 1 machines can take it: 1 machine can take no units (such as aaaaaaaa: full)
            A => A: db launched
            """),
        NamedScript(
            "units leave one by one, each when the former one has settled",
            """
            A; B; a launched; b launched => A: a launched | B: b launched
            A> a launched; B> b launched; cordon B; c launched => A: c launched
            A> c launched; uncordon B => -
            drain A => -A: a
            => -
            -A> a => B: a launched
            B> a loaded => -
            B> a launched => -A: c
            -A> c => B: c launched
            """),
        NamedScript(
            "a unit that fits nowhere else stays, and is told of; the next one goes",
            """
            A role=x; B; a launched MachineMetadata=role=x; b launched => A: a launched | B: b launched
            A> a launched; B> b launched; drain B => -B: b
            uncordon B; -B> b => B: b launched
            B> b launched; drain A => -
            held a => 0 of 2 machines can take it: MachineMetadata refuses 1 (needs role=x), 1 machine is cordoned (such as aaaaaaaa)
            C role=x => -A: a
            held a => -
            """),
        NamedScript(
            "global units stay, and a new one does not come",
            """
            A; B; g launched Global=true => A: g launched | B: g launched
            A> g launched; B> g launched; drain A; h launched Global=true => B: h launched
            """),
        NamedScript(
            "a unit that its user stops on its way makes room for the next only when it is down",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; drain A => -A: a
            a inactive => -
            -A> a => -A: b
            """),
        NamedScript(
            "a new leader goes on",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; drain A => -A: a
            -A> a => B: a launched
            B> a launched; takeover => -A: b
            """),
        NamedScript(
            "a new leader waits for what the former one sent off and the machine still has",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; drain A => -A: a
            takeover => -
            -A> a => B: a launched
            B> a launched => -A: b
            """),
        NamedScript(
            "a new leader waits until what the former one sent elsewhere has come to rest there",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; drain A => -A: a
            -A> a => B: a launched
            takeover => -
            B> a loaded => -
            B> a launched => -A: b
            """),
        NamedScript(
            "a new leader finds the unit on no machine, gives it a place, and waits for it",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; drain A => -A: a
            hold; -A> a => B: a launched
            fail; takeover => B: a launched
            => -
            B> a launched => -A: b
            """),
        NamedScript(
            "a new leader waits for none that got its place before, or fits nowhere",
            """
            A; B; a launched; b launched; n launched MachineMetadata=role=n => A: a launched | B: b launched
            A> a launched; drain A; takeover => -A: a
            """),
        NamedScript(
            "uncordon ends it",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; drain A => -A: a
            uncordon A; -A> a => B: a launched
            B> a launched => -
            """),
        NamedScript(
            "while the brake is set nobody leaves",
            """
            window 5; A; B; C; D; E => seen A | seen B | seen C | seen D | seen E
            x launched => A: x launched
            A> x launched; -C; -D; -E; drain A => brake C D E of 5
            C; D; E => release | -A: x
            """),
    ]
}
