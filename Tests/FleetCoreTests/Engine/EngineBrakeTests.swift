// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Engine: the majority brake")
struct EngineBrakeTests {
    @Test("most machines that vanish at once are not believed to be lost", arguments: tables)
    func brake(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("from 55 in a hundred on, and never for one machine alone")
    func share() {
        let table: [(lost: Int, seen: Int, holds: Bool)] = [
            (1, 1, false), (1, 2, false), (1, 3, false), (2, 3, true), (2, 4, false), (3, 4, true), (2, 5, false),
            (3, 5, true), (5, 10, false), (6, 10, true), (10, 20, false), (11, 20, true), (54, 100, false),
            (55, 100, true),
        ]
        for row in table { #expect(Brake.holds(row.lost, of: row.seen) == row.holds, "\(row)") }
    }

    private static let five = """
        window 5; A; B; C; D; E => seen A | seen B | seen C | seen D | seen E
        """

    static let tables = [
        NamedScript(
            "three of five: nothing moves, and when they are back all is as before",
            """
            \(five)
            x launched; y launched; z launched => A: x launched | B: y launched | C: z launched
            A> x launched; B> y launched; C> z launched => -
            at 10; -A; -B; -C => brake A B C of 5
            why x => its machine aaaaaaaa vanished; brake: 3 of 5 machines vanished within 5 s; nothing is moved until they return or `cluster-manager brake release`
            at 60 => -
            at 61; A; A> x launched => -
            at 62; B; B> y launched; C; C> z launched => release
            => -
            """),
        NamedScript(
            "two of five are taken over at once; the third in time stops it",
            """
            \(five)
            x launched; y launched; z launched => A: x launched | B: y launched | C: z launched
            A> x launched; B> y launched; C> z launched => -
            at 10; -A => -A: x, D: x launched if A is gone
            at 12; -B => -B: y, E: y launched if B is gone
            at 14; -C => brake A B C of 5
            """),
        NamedScript(
            "losses further apart than a session's lifetime do not add up",
            """
            \(five)
            z launched MachineMetadata=role=x; A role=x => A: z launched
            A> z launched => -
            at 10; -B => -
            at 12; -C => -
            at 15 => forget B
            at 16; -A => -
            why z => 0 of 2 machines can take it: MachineMetadata refuses 2 (needs role=x)
            at 17 => forget C
            at 21 => forget A
            """),
        NamedScript(
            "an operator lifts it: what is missing is lost",
            """
            \(five)
            x launched; y launched => A: x launched | B: y launched
            A> x launched; B> y launched => -
            at 10; -A; -B; -C => brake A B C of 5
            at 11; release => -A: x, D: x launched if A is gone | -B: y, E: y launched if B is gone
            at 90 => -
            takeover => -
            """),
        NamedScript(
            "who does not follow those that came back is lost after a while",
            """
            \(five)
            x launched; y launched => A: x launched | B: y launched
            A> x launched; B> y launched => -
            at 10; -A; -B; -C => brake A B C of 5
            at 20; B; B> y launched => -
            at 24 => -
            at 25 => release | forget A | forget C | -A: x, D: x launched if A is gone
            """),
        NamedScript(
            "a new leader finds it set",
            """
            \(five)
            x launched => A: x launched
            A> x launched => -
            at 10; -A; -B; -C => brake A B C of 5
            at 20; takeover => -
            at 21; A; A> x launched; B; C => release
            """),
        NamedScript(
            "a leader that was lost with the others leaves its successor what it takes to set it",
            """
            \(five)
            x launched => A: x launched
            A> x launched; -A; -B; -C; at 10; takeover => brake A B C of 5
            """),
        NamedScript(
            "a successor deals with fewer losses as with any",
            """
            \(five)
            x launched => A: x launched
            A> x launched; -A; at 10; takeover => -A: x, B: x launched if A is gone
            at 15 => forget A
            """),
        NamedScript(
            "what users want meanwhile is done on machines that are there",
            """
            \(five)
            x launched; y launched => A: x launched | B: y launched
            A> x launched; B> y launched => -
            at 10; -A; -B; -C => brake A B C of 5
            new launched => D: new launched
            x inactive => -A: x
            x launched => E: x launched
            """),
        NamedScript(
            "one more that vanishes while it is set is not taken over either",
            """
            \(five)
            w launched; x launched; y launched; z launched => A: w launched | B: x launched | C: y launched | D: z launched
            A> w launched; B> x launched; C> y launched; D> z launched => -
            at 10; -A; -B; -C => brake A B C of 5
            at 30; -D => brake A B C D of 5
            """),
        NamedScript(
            "machines that are being drained are expected to go",
            """
            \(five)
            drain A; drain B; drain C => -
            at 10; -A; -B; -C => forget A | forget B | forget C
            """),
    ]
}
