// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Placement of units that have aliases")
struct AliasPlacementTests {
    @Test("a rule that names an alias means the unit that has it", arguments: ruleTables)
    func rules(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("a rule that names an alias follows it when it comes, goes or moves", arguments: lifeTables)
    func life(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    static let ruleTables = [
        NamedScript(
            "conflict by name, newcomer declares",
            """
            A; pg2 launched Alias=db.service => A: pg2 launched
            web launched Conflicts=db.service => -
            why web => 0 of 1 machines can take it: Conflicts refuses 1 (such as pg2.service (db.service) on aaaaaaaa)
            B => B: web launched
            """),
        NamedScript(
            "conflict by name, resident declares",
            """
            A; web launched Conflicts=db.service => A: web launched
            pg2 launched Alias=db.service => -
            why pg2 => 0 of 1 machines can take it: Conflicts refuses 1 (such as web.service on aaaaaaaa)
            B => B: pg2 launched
            """),
        NamedScript(
            "conflict by pattern, newcomer declares",
            """
            A; pg2 launched Alias=db.service => A: pg2 launched
            web launched Conflicts=d?.service => -
            why web => 0 of 1 machines can take it: Conflicts refuses 1 (such as pg2.service (db.service) on aaaaaaaa)
            B => B: web launched
            """),
        NamedScript(
            "conflict by pattern, resident declares",
            """
            A; web launched Conflicts=d?.service => A: web launched
            pg2 launched Alias=db.service => -
            B => B: pg2 launched
            """),
        NamedScript(
            "what is called by its own name is told by no other",
            """
            A; pg2 launched Alias=pg3.service => A: pg2 launched
            web launched Conflicts=pg?.service => -
            why web => 0 of 1 machines can take it: Conflicts refuses 1 (such as pg2.service on aaaaaaaa)
            """),
        NamedScript(
            "a pattern that matches several names of a unit counts it once, whether it was known before the unit or not",
            """
            A; pg2 launched Alias=pg3.service Alias=pg4.service => A: pg2 launched
            web launched Conflicts=pg?.service => -
            A> pg2 launched; -pg2 => -A: pg2
            -A> pg2 => A: web launched
            pg2 launched => -
            -web => -A: web
            => A: pg2 launched
            web launched => -
            -pg2 => -A: pg2
            => A: web launched
            """),
        NamedScript(
            "a pattern that matches the unit's own alias is no conflict with itself",
            """
            A; pg2 launched Alias=db.service Conflicts=d*.service Conflicts=db.service => A: pg2 launched
            A> pg2 launched => -
            pg2 launched v2 => A: pg2 launched v2
            """),
        NamedScript(
            "an alias with a specifier, of an instance",
            """
            A; pg@1 launched Alias=db@.service Alias=data-%i.service => A: pg@1 launched
            web launched Conflicts=db@1.service; x launched Conflicts=db@2.service => A: x launched
            why web => 0 of 1 machines can take it: Conflicts refuses 1 (such as pg@1.service (db@1.service) on aaaaaaaa)
            """),
        NamedScript(
            "the machine of an alias",
            """
            A; B; B: x launched; B: y launched; x launched; y launched; pg2 launched Alias=db.service; A: pg2 launched => -
            B: z launched; z launched; C => -
            web launched MachineOf=db.service => A: web launched
            """),
        NamedScript(
            "the machine of an alias and of another unit",
            """
            A; B; A: x launched; B: x2 launched; x launched; x2 launched; pg2 launched Alias=db.service; A: pg2 launched => -
            a launched MachineOf=x.service MachineOf=db.service; b launched MachineOf=x2.service MachineOf=db.service => A: a launched
            why b => 0 of 2 machines can take it: MachineOf refuses 2 (needs the machine of x2.service, db.service)
            """),
        NamedScript(
            "a chain of aliases in one plan, whatever their names",
            """
            A; B
            a launched MachineOf=m9.service; m launched MachineOf=z9.service Alias=m9.service; z launched Alias=z9.service => A: z launched | A: m launched | A: a launched
            """),
        NamedScript(
            "a newcomer evicts whom it replaces by an alias",
            """
            A; pg2 launched Alias=old.service => A: pg2 launched
            A> pg2 launched; new launched Replaces=old.service => A: new launched | -A: pg2
            why pg2 => -
            -A> pg2 => -
            why pg2 => 0 of 1 machines can take it: Replaces refuses 1 (replaced there by new.service)
            B => B: pg2 launched
            """),
        NamedScript(
            "a newcomer evicts by a pattern",
            """
            A; pg2 launched Alias=old.service => A: pg2 launched
            A> pg2 launched => -
            new launched Replaces=ol*.service => A: new launched | -A: pg2
            """),
        NamedScript(
            "two that replace each other, one by an alias, leave each other alone",
            """
            A; a launched Alias=a9.service Replaces=b.service; b launched Replaces=a9.service => A: a launched | A: b launched
            => -
            """),
    ]

    static let lifeTables = [
        NamedScript(
            "a peer is missing while neither a unit nor an alias has its name",
            """
            A; web launched MachineOf=db.service => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            pg2 inactive Alias=db.service => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service)
            pg2 inactive Alias= => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            pg2 inactive Alias=db.service; db inactive; -db => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service)
            -pg2 => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            """),
        NamedScript(
            "a follower comes with its alias and goes with it when it is destroyed",
            """
            A; web launched MachineOf=db.service => -
            pg2 launched Alias=db.service => A: pg2 launched | A: web launched
            A> pg2 launched; A> web launched; -pg2 => -A: pg2 | -A: web
            -A> pg2; -A> web => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            """),
        NamedScript(
            "a follower goes with its alias when its order is taken back in the store, though the unit is destroyed",
            """
            A; pg2 launched Alias=db.service; web launched MachineOf=db.service => A: pg2 launched | A: web launched
            A> web launched => -
            -pg2; -A: pg2 => -A: web
            """),
        NamedScript(
            "a follower goes where its alias moves",
            """
            A role=db; B; pg2 launched MachineMetadata=role=db Alias=db.service => A: pg2 launched
            web launched MachineOf=db.service => A: web launched
            A> pg2 launched; A> web launched; A; B role=db => -A: pg2 | -A: web
            -A> web => -
            -A> pg2 => B: pg2 launched | B: web launched
            """),
        NamedScript(
            "a follower goes when its alias is stopped, and returns with it",
            """
            A; pg2 launched Alias=db.service; web launched MachineOf=db.service => A: pg2 launched | A: web launched
            A> web launched; A> pg2 launched; pg2 inactive => -A: pg2 | -A: web
            -A> pg2; -A> web => -
            pg2 loaded => A: pg2 loaded | A: web launched
            """),
        NamedScript(
            "a follower is looked at again when a new file has the alias no more",
            """
            A; pg2 launched Alias=db.service; web launched MachineOf=db.service => A: pg2 launched | A: web launched
            A> pg2 launched; A> web launched; pg2 launched Alias= v2 => A: pg2 launched v2 | -A: web
            -A> web => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            pg2 launched Alias=db.service v3 => A: pg2 launched v3 | A: web launched
            """),
        NamedScript(
            "a step that failed leaves the follower of an alias without its peer",
            """
            A; pg2 launched Alias=db.service; web launched MachineOf=db.service => A: pg2 launched | A: web launched
            A> web launched; -A: pg2; hold => A: pg2 launched
            -pg2; fail => -A: web
            -A> web => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            """),
        NamedScript(
            "a follower is looked at again when its alias is made anew without that name before the leader could act",
            """
            A; pg2 launched Alias=db.service; web launched MachineOf=db.service => A: pg2 launched | A: web launched
            A> pg2 launched; A> web launched; pg2 launched #1; hold => A: pg2 launched #1
            -pg2 => -
            pg2 launched Alias= => -A: web
            """),
        NamedScript(
            "global units keep off aliases, and aliases off them",
            """
            A; B; x launched; pg2 launched Alias=db.service; A: x launched; A: pg2 launched => -
            log launched Global=true Alias=log9.service Conflicts=db.service => B: log launched
            pg3 launched Conflicts=log9.service => A: pg3 launched
            -pg3 => -A: pg3
            -pg2 => -A: pg2
            => A: log launched
            """),
        NamedScript(
            "what waits for an alias to be gone is placed when a new file has it no more",
            """
            A; pg2 launched Alias=db.service; web launched Conflicts=db.service => A: pg2 launched
            pg2 launched Alias= v2 => A: pg2 launched v2 | A: web launched
            """),
        NamedScript(
            "a new file with an alias that does not bear with the neighbours moves the unit",
            """
            A; B; pg2 launched; web launched Conflicts=d?.service; A: pg2 launched; A: web launched; A> pg2 launched => -
            pg2 launched Alias=db.service => -A: pg2
            -A> pg2 => B: pg2 launched
            """),
        NamedScript(
            "a new leader knows the aliases",
            """
            A; pg2 launched Alias=db.service; web launched MachineOf=db.service => A: pg2 launched | A: web launched
            A> pg2 launched; A> web launched; takeover => -
            x launched Conflicts=db.service => -
            """),
    ]
}
