// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Engine: operations")
struct EngineOperationTests {
    @Test("operations come to an end, or stand paused with a reason", arguments: drains + moves)
    func ends(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    /// Machine A has a and b, B has room.
    private static let two = """
        A; a launched; b launched => A: a launched | A: b launched
        A> a launched; A> b launched; B => -

        """

    static let drains = [
        NamedScript(
            "a drain writes down what it begins, and then hands over one unit at a time",
            two + """
                operation drain A => drain: a off A
                => -A: a
                => -
                -A> a => B: a launched
                B> a loaded => -
                B> a launched => drain: a done, b off A
                => -A: b
                -A> b => B: b launched
                B> b launched => drain: b done; done
                => -
                """),
        NamedScript(
            "nothing is moved before the store shows that it was begun",
            two + """
                lose; operation drain A => drain: a off A
                lose => drain: a off A
                => drain: a off A
                => -A: a
                """),
        NamedScript(
            "a unit that fails where it went pauses the drain, which can be resumed",
            two + """
                operation drain A => drain: a off A
                => -A: a
                -A> a => B: a launched
                B> a launched failed => drain: a failed (has failed on bbbbbbbb: failed); paused: a.service has failed on bbbbbbbb: failed
                => -
                resume drain => drain: b off A
                => -A: b
                """),
        NamedScript(
            "what its user stops or destroys on its way counts as ended, when it is down",
            two + """
                operation drain A => drain: a off A
                => -A: a
                a inactive => -
                -A> a => drain: a taken (it was stopped), b off A
                => -A: b
                -b => -
                -A> b => drain: b taken (it was destroyed); done
                """),
        NamedScript(
            "a unit that fits nowhere else pauses it when the others have gone, and it goes on when there is room",
            """
            A role=x; B; a launched MachineMetadata=role=x; b launched => A: a launched | B: b launched
            A> a launched; B> b launched; drain B => -B: b
            uncordon B; -B> b => B: b launched
            B> b launched; operation drain A => drain: paused: a.service fits nowhere else: 0 of 2 machines can take it: MachineMetadata refuses 1 (needs role=x), 1 machine is cordoned (such as aaaaaaaa)
            C role=x => -
            resume drain => drain: a off A
            => -A: a
            -A> a => C: a launched
            C> a launched => drain: a done; done
            """),
        NamedScript(
            "a machine that has nothing, or global units alone, is done at once",
            """
            A; B; g launched Global=true => A: g launched | B: g launched
            A> g launched; B> g launched; operation drain A => drain: done
            """),
        NamedScript(
            "uncordon ends it, and leaves the unit where it is",
            two + """
                operation drain A => drain: a off A
                uncordon A => drain: a skipped (the drain was ended); aborted: aaaaaaaa is no longer to be drained
                """),
        NamedScript(
            "paused, it moves nothing more, and closes its step once",
            two + """
                operation drain A => drain: a off A
                pause drain => drain: a skipped (it had not left yet); paused
                => -
                resume drain => drain: a off A
                => -A: a
                pause drain => -
                -A> a => B: a launched
                B> a launched => drain: a done; paused
                => -
                resume drain => drain: b off A
                """),
        NamedScript(
            "aborted, it leaves the machine cordoned, and what had left comes up elsewhere",
            two + """
                operation drain A => drain: a off A
                => -A: a
                abort drain => -
                -A> a => B: a launched
                B> a launched => -
                """),
        NamedScript(
            "a wave whose record is not there pauses it, and ending it works",
            two + """
                operation drain A => drain: a off A
                nowave drain 1 => drain: paused: the record of its wave 1 is missing or cannot be read; abort it
                uncordon A => drain: aborted: aaaaaaaa is no longer to be drained
                """),
        NamedScript(
            "a new leader goes on, each with its time anew, until too many were lost",
            two + """
                operation drain A => drain: a off A
                => -A: a
                takeover => drain: renewal 1
                reread => -
                takeover => drain: renewal 2
                takeover => drain: renewal 3
                takeover => drain: paused: 4 leaders were lost while a.service was on its way
                -A> a => B: a launched
                B> a launched => drain: a done; paused: 4 leaders were lost while a.service was on its way
                """),
        NamedScript(
            "a step that takes too long pauses it, and says where the unit is",
            two + """
                at 10; operation drain A limit=5 => drain: a off A
                => -A: a
                at 14 => -
                at 16 => drain: paused: a.service has not come to rest after 5 s: it is still being stopped on aaaaaaaa
                -A> a => B: a launched
                B> a launched => drain: a done; paused: a.service has not come to rest after 5 s: it is still being stopped on aaaaaaaa
                """),
        NamedScript(
            "the machine is lost while it is drained: what it ran is taken over, and that is an end",
            two + """
                operation drain A => drain: a off A
                => -A: a
                -A> a; -A> b; -A => B: a launched | -A: b, B: b launched if A is gone
                B> a launched; B> b launched => drain: a done; done: aaaaaaaa is gone; what it ran is taken over as from any machine that is lost
                """),
        NamedScript(
            "a drain whose machine was opened and is drained anew gives way to the new one",
            two + """
                operation drain A => drain: a off A
                uncordon A; operation drain A anew => drain: a skipped (the drain was ended); aborted: aaaaaaaa is no longer to be drained
                => anew: a off A
                => -A: a
                """),
        NamedScript(
            "a unit whose file is not there is no reason to wait for ever",
            """
            A; a launched; b launched => A: a launched | A: b launched
            A> a launched; A> b launched; B; b launched v2 nofile => -
            operation drain A => drain: a off A
            => -A: a
            -A> a => B: a launched
            B> a launched => drain: a done; paused: b.service fits nowhere else: its unit file 0dc99c5 is missing from the store
            """),
        NamedScript(
            "what keeps a drain from beginning for too long pauses it, and is named",
            two + """
                at 1; operation move a B limit=60 => move: a off A to B
                => -A: a
                b inactive; operation drain A limit=5 => -A: b
                at 2 => -
                at 7 => drain: paused: nothing could be begun for 5 s: operation move has a.service on its way
                -A> b; -A> a => B: a launched
                B> a launched => move: a done; done
                resume drain => drain: done
                """),
        NamedScript(
            "two machines are drained side by side, and a kind of another version is left alone",
            """
            A; B; a launched; b launched => A: a launched | B: b launched
            A> a launched; B> b launched; C; operation rollout x => -
            operation drain A => drain: a off A
            => -A: a
            """),
    ]

    @Test("a leader is woken for the time of a step that is under way, and for no other")
    func wakes() throws {
        var engine = Engine()
        var text = ClusterText()
        func happen(_ lines: String..., at moment: String) {
            engine.tick(Short.moment(moment))
            engine.handle(lines.flatMap { text.events($0) }, revision: 1)
        }
        func plan() -> [OperationWrite] {
            let plan = engine.plan()
            for write in plan.operations { engine.handle(text.apply(write), revision: 1) }
            engine.committed(plan.steps, at: 1)
            engine.handle(plan.steps.flatMap(\.changes).map { text.apply($0) }, revision: 1)
            return plan.operations
        }
        happen(
            "A", "a launched", "A: a launched", "A> a launched", "B", "operation drain A limit=5", at: "1")
        #expect(plan().count == 1 && engine.wake == nil)
        #expect(plan().isEmpty && engine.wake == Short.moment("6"))
        happen("pause drain", at: "2")
        #expect(engine.wake == nil, "nothing is to be done at the moment that was")
        #expect(plan().isEmpty && engine.wake == nil)
        happen("resume drain", at: "3")
        #expect(plan().isEmpty && engine.wake == Short.moment("8"))
        happen(at: "9")
        #expect(plan().map(\.head.state) == [.paused] && engine.wake == nil)
    }

    static let moves = [
        NamedScript(
            "a move goes to the machine that was named, and stays with it",
            """
            A; a launched => A: a launched
            A> a launched; B; C => -
            operation move a C => move: a off A to C
            => -A: a
            -A> a => C: a launched
            C> a launched => move: a done; done
            """),
        NamedScript(
            "where it goes is chosen when nobody says it",
            """
            A; a launched => A: a launched
            A> a launched; B => -
            operation move a => move: a off A to B
            => -A: a
            -A> a => B: a launched
            B> a launched failed => move: a failed (has failed on bbbbbbbb: failed); failed: a.service has failed on bbbbbbbb: failed
            """),
        NamedScript(
            "what cannot be is an end with a reason, and moves nothing",
            """
            A; a launched MachineMetadata=role=x => -
            A role=x => A: a launched
            A> a launched; B => -
            operation move a B => move: failed: bbbbbbbb does not take a.service: 0 of 1 machines can take it: MachineMetadata refuses 1 (needs role=x)
            operation move a => move: failed: a.service fits nowhere else: 0 of 2 machines can take it: MachineMetadata refuses 1 (needs role=x), 1 machine is cordoned (such as aaaaaaaa)
            operation move a A => move: done: it is there already
            operation move z B => move: failed: there is no unit z.service
            """),
        NamedScript(
            "a unit that went elsewhere, since the machine that was named vanished, says so",
            """
            A; a launched => A: a launched
            A> a launched; B; C => -
            operation move a C => move: a off A to C
            => -A: a
            -C; -A> a => B: a launched
            B> a launched => move: a failed (went to bbbbbbbb, since cccccccc did not take it); failed: a.service went to bbbbbbbb, since cccccccc did not take it
            """),
        NamedScript(
            "a drain leaves a unit to the move that has it on its way",
            """
            A; a launched => A: a launched
            A> a launched; B; C => -
            operation move a C => move: a off A to C
            operation drain A => -A: a
            -A> a => drain: done | C: a launched
            C> a launched => move: a done; done
            """),
        NamedScript(
            "a unit that no other machine takes any more comes back, and that is no success",
            """
            A; a launched => A: a launched
            A> a launched; B => -
            operation move a B => move: a off A to B
            => -A: a
            -B; -A> a => A: a launched
            A> a launched => move: a failed (is on aaaaaaaa again, since no other machine took it); failed: a.service is on aaaaaaaa again, since no other machine took it
            => -
            """),
    ]
}
