// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Units that wait because of what another unit's file says, and what becomes of them when that file is another.
@Suite("A new file lets in what the former one kept out")
struct EngineWakeTests {
    @Test("who waits is tried again when another unit's new file keeps it off no more", arguments: wakingTables)
    func wakes(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    @Test("who waits goes on waiting while a new file still keeps it off", arguments: waitingTables)
    func waits(table: NamedScript) {
        let script = Script(table.text)
        #expect(EngineScript.transcript(script) == script.text)
    }

    static let wakingTables = [
        NamedScript(
            "a conflict by name, declared by who stands",
            """
            A; web launched Conflicts=db.service => A: web launched
            db launched => -
            web launched Global=false v2 => A: db launched | A: web launched v2
            """),
        NamedScript(
            "a conflict by name, declared by who waits",
            """
            A; db launched => A: db launched
            web launched Conflicts=db.service => -
            web launched Global=false v2 => A: web launched v2
            """),
        NamedScript(
            "a conflict by pattern",
            """
            A; web launched Conflicts=d*.service => A: web launched
            db launched => -
            web launched Conflicts=x*.service v2 => A: db launched | A: web launched v2
            """),
        NamedScript(
            "a conflict of several, of which one is left out",
            """
            A; web launched Conflicts=db.service Conflicts=log.service => A: web launched
            db launched; log launched => -
            web launched Conflicts=log.service v2 => A: db launched | A: web launched v2
            why log => 0 of 1 machines can take it: Conflicts refuses 1 (such as web.service on aaaaaaaa)
            """),
        NamedScript(
            "a conflict with an alias of who waits",
            """
            A; web launched Conflicts=db.service => A: web launched
            pg2 launched Alias=db.service => -
            web launched Global=false v2 => A: pg2 launched | A: web launched v2
            """),
        NamedScript(
            "who waits to stand beside the very unit that keeps it off",
            """
            A; web launched Conflicts=log.service => A: web launched
            log launched MachineOf=web.service => -
            web launched Global=false v2 => A: log launched | A: web launched v2
            """),
        NamedScript(
            "who was replaced",
            """
            A; old launched => A: old launched
            A> old launched; new launched Replaces=old.service => A: new launched | -A: old
            -A> old => -
            new launched Global=false v2 => A: new launched v2 | A: old launched
            """),
        NamedScript(
            "a global unit that one machine has not taken",
            """
            A; web launched Conflicts=log.service => A: web launched
            B; log launched Global=true => B: log launched
            web launched Global=false v2 => A: log launched | A: web launched v2
            """),
        NamedScript(
            "a new file that comes after its unit",
            """
            A; web launched Conflicts=db.service => A: web launched
            db launched => -
            web launched Global=false v2 nofile => -
            file web => A: db launched | A: web launched v2
            """),
        NamedScript(
            "a new file without the alias, when it comes after its unit",
            """
            A; pg2 launched Alias=db.service => A: pg2 launched
            web launched Conflicts=db.service => -
            pg2 launched Alias= v2 nofile => -
            file pg2 => A: pg2 launched v2 | A: web launched
            """),
    ]

    static let waitingTables = [
        NamedScript(
            "the same conflict in another file",
            """
            A; web launched Conflicts=db.service => A: web launched
            db launched => -
            web launched Conflicts=db.service v2 => A: web launched v2
            why db => 0 of 1 machines can take it: Conflicts refuses 1 (such as web.service on aaaaaaaa)
            """),
        NamedScript(
            "another conflict that meets it as well",
            """
            A; web launched Conflicts=db.service => A: web launched
            db launched => -
            web launched Conflicts=d*.service v2 => A: web launched v2
            why db => 0 of 1 machines can take it: Conflicts refuses 1 (such as web.service on aaaaaaaa)
            """),
        NamedScript(
            "a file that is not there yet",
            """
            A; web launched Conflicts=db.service => A: web launched
            db launched => -
            web launched Global=false v2 nofile => -
            why db => 0 of 1 machines can take it: Conflicts refuses 1 (such as web.service on aaaaaaaa)
            """),
    ]
}
