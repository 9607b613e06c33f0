// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// A table with a name that shows in the test's output.
struct NamedScript: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }

    var testDescription: String { name }
}

@Suite("Placement")
struct PlacementTests {
    @Test("each rule alone steers a unit to the machines that it allows", arguments: ruleTables)
    func rules(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("rules together, and units that depend on each other", arguments: combinedTables)
    func combined(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("a unit that no machine takes says how many each rule refuses", arguments: refusalTables)
    func refusals(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    static let ruleTables = [
        NamedScript(
            "full machine id",
            """
            A; B; web launched MachineID=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb => B: web launched
            """),
        NamedScript(
            "short machine id",
            """
            A; B; web launched MachineID=bbbbbbbb => B: web launched
            """),
        NamedScript(
            "a part of an id that is neither is no id",
            """
            A; B; web launched MachineID=bbbbbbb => -
            """),
        NamedScript(
            "metadata: keys add up",
            """
            A role=web; B role=web zone=a; C zone=a
            web launched MachineMetadata=role=web MachineMetadata=zone=a => B: web launched
            """),
        NamedScript(
            "metadata: values of one key are alternatives, in whatever order the pairs come",
            """
            A role=db zone=a; B role=web zone=c; C role=web zone=b
            web launched MachineMetadata=zone=a MachineMetadata=role=web MachineMetadata=zone=b => C: web launched
            """),
        NamedScript(
            "metadata: a machine without the key does not match",
            """
            A; B role=web
            web launched MachineMetadata=role=web => B: web launched
            """),
        NamedScript(
            "conflict by name, newcomer declares",
            """
            A; B; B: x launched; B: y launched; A: db launched; db launched; x launched; y launched => -
            web launched Conflicts=db.service => B: web launched
            """),
        NamedScript(
            "conflict by name, resident declares",
            """
            A; B; B: x launched; B: y launched; A: db launched; x launched; y launched => -A: db
            db launched Conflicts=web.service => A: db launched
            web launched => B: web launched
            """),
        NamedScript(
            "conflict by pattern, newcomer declares",
            """
            A; db@1 launched => A: db@1 launched
            web launched Conflicts=db@*.service => -
            B => B: web launched
            """),
        NamedScript(
            "conflict by pattern, resident declares, told before and after the pattern was known",
            """
            A; db launched Conflicts=web@*.service => A: db launched
            web@1 launched => -
            B => B: web@1 launched
            # B is now the less liked, still A is refused
            x launched => A: x launched
            web@2 launched => B: web@2 launched
            """),
        NamedScript(
            "a pattern that matches the unit itself is no conflict with itself",
            """
            A; web launched Conflicts=*.service => A: web launched
            A> web launched => -
            web launched v2 => A: web launched v2
            """),
        NamedScript(
            "a pattern of a template keeps instances apart",
            """
            A; B; w@1 launched Conflicts=w@*.service; w@2 launched Conflicts=w@*.service; w@3 launched Conflicts=w@*.service => A: w@1 launched | B: w@2 launched
            C => C: w@3 launched
            """),
        NamedScript(
            "a bad pattern conflicts with nothing",
            """
            A; web launched Conflicts=[ ; db launched => A: db launched | A: web launched
            """),
        NamedScript(
            "a conflict that is gone frees the place",
            """
            A; db launched; web launched Conflicts=db.service => A: db launched
            A> db launched; -db => -A: db
            # still held, so still in the way
            => -
            -A> db => A: web launched
            """),
        NamedScript(
            "the machine of another unit",
            """
            A; B; C: x launched; db launched; x launched; C => A: db launched
            web launched MachineOf=db.service => A: web launched
            """),
        NamedScript(
            "the machine of all of several units",
            """
            A; B; A: a launched; B: b launched; a launched; b launched => -
            web launched MachineOf=a.service MachineOf=b.service => -
            """),
        NamedScript(
            "several peers on one machine",
            """
            A; B; B: a launched; B: b launched; a launched; b launched => -
            web launched MachineOf=a.service MachineOf=b.service => B: web launched
            """),
        NamedScript(
            "globals go everywhere that metadata and conflicts allow",
            """
            A role=web; B role=web; C role=db; B: db launched; db launched => -
            log launched Global=true MachineMetadata=role=web Conflicts=db.service => A: log launched
            B: x launched; x launched => -
            -db => -B: db
            => B: log launched
            """),
        NamedScript(
            "globals count as load and conflict with newcomers",
            """
            A; B role=log
            log launched Global=true MachineMetadata=role=log Conflicts=web.service => B: log launched
            a launched => A: a launched
            web launched => A: web launched
            """),
        NamedScript(
            "instances are spread before load counts",
            """
            A; B; A: x launched; A: y launched; x launched; y launched => -
            w@1 launched => B: w@1 launched
            w@2 launched => A: w@2 launched
            w@3 launched => B: w@3 launched
            """),
        NamedScript(
            "least loaded, then the lowest id",
            """
            C; B; A
            a launched; b launched; c launched; d launched => A: a launched | B: b launched | C: c launched | A: d launched
            """),
        NamedScript(
            "a unit that is being stopped is load until it is gone",
            """
            A; B; A> old launched => -
            web launched => B: web launched
            """),
        NamedScript(
            "an inactive unit is nowhere, a loaded one is placed",
            """
            A; a inactive; b loaded => A: b loaded
            """),
    ]

    static let combinedTables = [
        NamedScript(
            "id and metadata",
            """
            A role=web; B role=db
            web launched MachineID=bbbbbbbb MachineMetadata=role=web => -
            B role=web => B: web launched
            """),
        NamedScript(
            "a chain of peers in one plan, whatever their names",
            """
            A; B
            a launched MachineOf=m.service; m launched MachineOf=z.service; z launched => A: z launched | A: m launched | A: a launched
            """),
        NamedScript(
            "a pair that wait for each other waits, and says so",
            """
            A; a launched MachineOf=b.service; b launched MachineOf=a.service => -
            why a => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of b.service)
            why b => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of a.service)
            """),
        NamedScript(
            "a peer that does not exist is named as such until it does, and again once it is gone",
            """
            A; web launched MachineOf=db.service => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            db inactive => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service)
            -db => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of db.service); there is no unit db.service in the cluster
            web launched MachineOf=a.service MachineOf=b.service => -
            why web => 0 of 1 machines can take it: MachineOf refuses 1 (needs the machine of a.service, b.service); there is no unit a.service and no unit b.service in the cluster
            """),
        NamedScript(
            "a peer of a machine that refuses",
            """
            A role=db; B role=web; db launched MachineMetadata=role=db => A: db launched
            web launched MachineOf=db.service MachineMetadata=role=web => -
            """),
        NamedScript(
            "a peer that is being stopped is no peer",
            """
            A; A: db launched; A> db launched; db launched => -
            db inactive; web launched MachineOf=db.service => -A: db
            -A> db => -
            """),
        NamedScript(
            "the newcomer goes where it fits best and evicts whom it replaces",
            """
            A; old launched => A: old launched
            A> old launched; new launched Replaces=old.service => A: new launched | -A: old
            B => -
            -A> old => B: old launched
            """),
        NamedScript(
            "the evicted unit waits while its evictor has the only machine",
            """
            A; new launched Replaces=old*.service => A: new launched
            old1 launched => -
            why old1 => 0 of 1 machines can take it: Replaces refuses 1 (replaced there by new.service)
            -new => -A: new
            => A: old1 launched
            """),
        NamedScript(
            "two that replace each other leave each other alone",
            """
            A; a launched Replaces=b.service; b launched Replaces=a.service => A: a launched | A: b launched
            => -
            """),
        NamedScript(
            "a unit that replaces its own kind does not evict itself",
            """
            A; w@1 launched Replaces=*.service => A: w@1 launched
            => -
            """),
        NamedScript(
            "spread within what metadata allows",
            """
            A zone=a; B zone=a; C zone=b
            w@1 launched MachineMetadata=zone=a; w@2 launched MachineMetadata=zone=a; w@3 launched MachineMetadata=zone=a => A: w@1 launched | B: w@2 launched | A: w@3 launched
            """),
    ]

    static let refusalTables = [
        NamedScript(
            "no machine at all",
            """
            web launched => -
            why web => no machine is alive in this cluster
            """),
        NamedScript(
            "every machine counts under the first rule that refuses it",
            """
            A role=db; B role=web; C role=web; D role=web
            B: x launched; C: y launched; x launched; y launched => -
            k inactive Replaces=web.service; k launched; D: k launched => -
            web launched MachineMetadata=role=web Conflicts=x.service Conflicts=y* => -
            why web => 0 of 4 machines can take it: MachineMetadata refuses 1 (needs role=web), Conflicts refuses 2 (such as x.service on bbbbbbbb), Replaces refuses 1 (replaced there by k.service)
            """),
        NamedScript(
            "another unit's replacer is not blamed",
            """
            A; a launched Replaces=other.service; k launched Replaces=web.service => A: a launched | A: k launched
            web launched => -
            why web => 0 of 1 machines can take it: Replaces refuses 1 (replaced there by k.service)
            """),
        NamedScript(
            "machine id",
            """
            A; B; web launched MachineID=cccccccc => -
            why web => 0 of 2 machines can take it: MachineID refuses 2 (needs machine cccccccc)
            """),
        NamedScript(
            "all metadata that is asked for",
            """
            A; web launched MachineMetadata=zone=b MachineMetadata=zone=a MachineMetadata=role=web => -
            why web => 0 of 1 machines can take it: MachineMetadata refuses 1 (needs role=web, zone=a or b)
            """),
        NamedScript(
            "a placed unit and an inactive one wait for nothing",
            """
            A; a launched; b inactive => A: a launched
            why a => -
            why b => -
            """),
        NamedScript(
            "a global that fits nowhere says so, and stops saying so",
            """
            A; log launched Global=true MachineMetadata=role=log => -
            why log => 0 of 1 machines can take it: MachineMetadata refuses 1 (needs role=log)
            B role=log => B: log launched
            why log => -
            """),
    ]
}
