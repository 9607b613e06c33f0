// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Engine")
struct EngineTests {
    @Test("units come, change and go", arguments: lifeTables)
    func life(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("machines come, change and go", arguments: machineTables)
    func machines(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("global units follow the machines", arguments: globalTables)
    func globals(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test(
        "what is written of a unit's work goes with a destroyed unit, if it can have been written, and with no other",
        arguments: [("oneshot", true, true), ("oneshot", false, false), ("simple", true, false)])
    func results(type: String, isDestroyed: Bool, goes: Bool) throws {
        let file = try UnitFile(parsing: "[Service]\nType=\(type)\nExecStart=/bin/true\n")
        let (machine, name) = (Short.machine("A"), Short.unit("work"))
        let unit = UnitRecord(name: name, hash: file.hash, target: .launched)
        var stopped = unit
        stopped.target = .inactive
        var engine = Engine(
            [
                .machinePut(MachineRecord(id: machine, name: "a", address: "")), .filePut(file.hash, file),
                .unitPut(unit), .assignmentPut(Assignment(of: unit, on: machine)),
            ], revision: 1)
        engine.handle([isDestroyed ? .unitGone(name) : .unitPut(stopped)], revision: 2)
        let steps = engine.plan().steps
        #expect(steps.map(\.changes) == [[.withdraw(machine, name)]])
        #expect(steps.map(\.endsUnit) == [goes])
    }

    static let lifeTables = [
        NamedScript(
            "placed, stopped to loaded, started again, taken off, destroyed",
            """
            A; web launched => A: web launched
            A> web launched => -
            web loaded => A: web loaded
            A> web loaded; web launched => A: web launched
            web inactive => -A: web
            -A> web => -
            web launched => A: web launched
            A> web launched; -web => -A: web
            -A> web => -
            """),
        NamedScript(
            "a unit that is inactive has no assignment, and gets none",
            """
            A; web inactive => -
            """),
        NamedScript(
            "a new file goes to the machine where the unit is",
            """
            A; B; web launched => A: web launched
            A> web launched; web launched v2 => A: web launched v2
            => -
            """),
        NamedScript(
            "a new file that no longer fits its machine moves the unit, which waits until it is stopped",
            """
            A role=web; B role=db; web launched MachineMetadata=role=web => A: web launched
            A> web launched; web launched MachineMetadata=role=db => -A: web
            => -
            why web => still stopping on aaaaaaaa
            -A> web => B: web launched
            """),
        NamedScript(
            "a new file whose conflicts do not bear with the neighbours moves the unit that changed",
            """
            A; B; A: db launched; A: web launched; db launched; web launched; A> db launched; A> web launched => -
            web launched Conflicts=d?.service => -A: web
            -A> web => B: web launched
            """),
        NamedScript(
            "a restart is a new number in place",
            """
            A; web launched => A: web launched
            web launched #1 => A: web launched #1
            web launched #2 => A: web launched #2
            """),
        NamedScript(
            "started again while it is being stopped",
            """
            A; B; web launched => A: web launched
            A> web launched; web inactive => -A: web
            web launched => -
            why web => still stopping on aaaaaaaa
            -A> web => A: web launched
            """),
        NamedScript(
            "a file that is not in the store is waited for",
            """
            A; web launched nofile => -
            why web => its unit file ffcb40e is missing from the store
            file web => A: web launched
            """),
        NamedScript(
            "a new file that is not in the store yet leaves the unit as it is",
            """
            A; web launched => A: web launched
            A> web launched; web launched v2 nofile => -
            file web => A: web launched v2
            """),
        NamedScript(
            "destroyed and made anew while it is being stopped",
            """
            A; B; web launched => A: web launched
            A> web launched; -web => -A: web
            web launched v2 => -
            -A> web => A: web launched v2
            """),
        NamedScript(
            "destroyed and made anew before the leader has looked: a new unit, which does not take over the old one's run",
            """
            A; B; web launched => A: web launched
            A> web launched; -web; web launched => -A: web
            => -
            why web => still stopping on aaaaaaaa
            -A> web => A: web launched
            A> web launched => -
            """),
        NamedScript(
            "reports of systemd alone decide nothing",
            """
            A; web launched => A: web launched
            A> web inactive => -
            A> web launched => -
            """),
        NamedScript(
            "followers go where their peer goes",
            """
            A role=db; B; db launched MachineMetadata=role=db => A: db launched
            web launched MachineOf=db.service => A: web launched
            A> db launched; A> web launched; A; B role=db => -A: db | -A: web
            -A> web => -
            why web => 0 of 2 machines can take it: MachineOf refuses 2 (needs the machine of db.service)
            -A> db => B: db launched | B: web launched
            """),
        NamedScript(
            "a follower of a unit that was taken off goes as well, and returns with it",
            """
            A; db launched; web launched MachineOf=db.service => A: db launched | A: web launched
            A> web launched; A> db launched; db inactive => -A: db | -A: web
            -A> db; -A> web => -
            db loaded => A: db loaded | A: web launched
            """),
    ]

    static let machineTables = [
        NamedScript(
            "an order whose state somebody deleted is written once more, until that is done",
            """
            A; B; web launched; metrics loaded Global=true => A: metrics loaded | B: metrics loaded | A: web launched
            A> web launched; B> metrics loaded => -
            -A> web; -B> metrics; hold => B: metrics loaded | A: web launched
            fail; hold => B: metrics loaded | A: web launched
            commit; echo => -
            A> web launched; B> metrics loaded => -
            web launched #1 => A: web launched #1
            """),
        NamedScript(
            "an order whose state went with its machine's session is not written again",
            """
            A; web launched => A: web launched
            A> web launched; -A; A => -
            A> web launched; web inactive => -A: web
            -A> web; web launched => A: web launched
            """),
        NamedScript(
            "a lost machine moves its own units, and only while it stays lost",
            """
            A; B; C; a launched; b launched; c launched => A: a launched | B: b launched | C: c launched
            A> a launched; B> b launched; C> c launched => -
            -B => -B: b, A: b launched if B is gone
            A> b launched => -
            """),
        NamedScript(
            "a machine that joins moves nothing",
            """
            A; a launched; b launched; c launched => A: a launched | A: b launched | A: c launched
            B => -
            d launched => B: d launched
            """),
        NamedScript(
            "a machine that joins takes what waited, also what its lost machine left",
            """
            A; a launched; b launched Conflicts=a.service => A: a launched
            B => B: b launched
            B> b launched; -B => -
            why b => 0 of 1 machines can take it: Conflicts refuses 1 (such as a.service on aaaaaaaa)
            C => -B: b, C: b launched if B is gone
            """),
        NamedScript(
            "a machine that returns before anybody took over keeps its units",
            """
            A; B; a launched; B: b launched MachineID=bbbbbbbb; b launched MachineID=bbbbbbbb => A: a launched | B: b launched
            B> b launched; -B => -
            B => -
            """),
        NamedScript(
            "a machine that is lost while its withdrawal waits frees the unit",
            """
            A; B; web launched => A: web launched
            A> web launched; web inactive => -A: web
            web launched => -
            -A => B: web launched
            """),
        NamedScript(
            "a machine that is lost before its assignment is known to be written",
            """
            A; B; web launched; hold => A: web launched
            -A => -
            commit; echo => -A: web, B: web launched if A is gone
            """),
        NamedScript(
            "a machine that is back before its assignment is known to be written still has it in mind",
            """
            A; w@1 launched Conflicts=w@*; hold => A: w@1 launched
            -A
            A; w@2 launched Conflicts=w@* => -
            commit; echo => -
            why w@2 => 0 of 1 machines can take it: Conflicts refuses 1 (such as w@1.service on aaaaaaaa)
            """),
        NamedScript(
            "metadata that no longer fits moves the unit, other metadata does not",
            """
            A role=web; B role=web; web launched MachineMetadata=role=web => A: web launched
            A> web launched; A role=web zone=a => -
            A role=db => -A: web
            -A> web => B: web launched
            """),
        NamedScript(
            "metadata that an operator lays over the machine's own counts, before and after the machine is there",
            """
            meta B role=web; A role=web; B role=db; web launched MachineMetadata=role=web => A: web launched
            A> web launched; meta A role= => -A: web
            -A> web => B: web launched
            takeover => -
            -meta B => -B: web
            -meta A => A: web launched
            """),
        NamedScript(
            "everything lost and back",
            """
            A; B; a launched; b launched => A: a launched | B: b launched
            -A; -B => -
            why a => no machine is alive in this cluster
            B => -A: a, B: a launched if A is gone
            """),
    ]

    static let globalTables = [
        NamedScript(
            "a machine that joins gets them, one that leaves loses its assignment",
            """
            A; log launched Global=true => A: log launched
            B => B: log launched
            A> log launched; B> log launched; -A => -A: log
            A => A: log launched
            """),
        NamedScript(
            "metadata decides where they are",
            """
            A role=web; B; log launched Global=true MachineMetadata=role=web => A: log launched
            B role=web => B: log launched
            A => -A: log
            """),
        NamedScript(
            "target, file and restart change everywhere",
            """
            A; B; log launched Global=true => A: log launched | B: log launched
            log loaded => A: log loaded | B: log loaded
            log launched v2 #1 => A: log launched v2 #1 | B: log launched v2 #1
            log inactive => -A: log | -B: log
            """),
        NamedScript(
            "a new file with a conflict takes them off where the rival stands",
            """
            A; B; web launched => A: web launched
            log launched Global=true => A: log launched | B: log launched
            log launched Global=true Conflicts=we?.service => -A: log | B: log launched
            => -
            """),
        NamedScript(
            "a global that becomes ordinary stays on one machine, and the other way round",
            """
            A; B; log launched Global=true => A: log launched | B: log launched
            A> log launched; B> log launched; log launched v2 Global=false => -B: log | A: log launched v2
            -B> log; A> log launched; log launched v3 Global=true => A: log launched v3 | B: log launched v3
            """),
        NamedScript(
            "two globals that conflict share no machine",
            """
            A; B role=x; a launched Global=true MachineMetadata=role=x; b launched Global=true Conflicts=a* => B: a launched | A: b launched
            """),
    ]
}
