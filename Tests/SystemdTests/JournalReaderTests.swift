// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd
import TestSupport
import Testing

/// Reads journals that a real journald has written; needs root and systemd-nspawn.
@Suite("Journal", .serialized, .timeLimit(.minutes(3)))
struct JournalReaderTests {
    private static let folder = "/run/systemd/system/"

    /// A unit that writes `count` numbered lines, and beside it what a machine does.
    private static func writer(_ word: String, _ count: Int) -> String {
        """
        [Service]
        Type=oneshot
        SyslogIdentifier=\(word)
        LogRateLimitIntervalSec=0
        ExecStart=/bin/sh -c 'i=1; while [ $i -le \(count) ]; do echo "\(word) $i"; i=$((i+1)); done'
        """
    }

    /// Every entry that a query gives, up to the journal's end.
    private static func read(_ query: JournalQuery, of machine: NspawnMachine) async throws -> [JournalEntry] {
        let reader = try JournalReader(query, in: .root(machine.path("")))
        var entries: [JournalEntry] = []
        while let batch = try await reader.next() { entries += batch.entries }
        return entries
    }

    /// Waits until journald has written the last of a unit's lines: they come by another way than systemd's own.
    private static func settle(_ machine: NspawnMachine) async throws {
        _ = try await machine.run("/usr/bin/journalctl", "--sync")
    }

    @Test("a unit's own lines and systemd's words about it come in order; others' do not")
    func filter() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.brokered)
            for name in ["one", "two", "three"] {
                try machine.write(Self.writer(name, 3), to: Self.folder + name + ".service")
                #expect(try await manager.startUnit("\(name).service") == .done)
            }
            try await Self.settle(machine)

            let entries = try await Self.read(JournalQuery(units: ["one.service", "three.service"]), of: machine)
            let own = entries.filter { $0.identifier != "systemd" }
            #expect(own.map(\.message) == ["one 1", "one 2", "one 3", "three 1", "three 2", "three 3"])
            #expect(own.map(\.identifier) == Array(repeating: "one", count: 3) + Array(repeating: "three", count: 3))
            #expect(own.allSatisfy { $0.priority == 6 && ($0.pid ?? 0) > 1 && $0.time > 1_600_000_000_000_000 })
            #expect(entries.map(\.time) == entries.map(\.time).sorted())
            let words = entries.filter { $0.identifier == "systemd" && $0.unit == "one.service" }
            #expect(words.contains { $0.message.contains("one.service: Deactivated successfully") && $0.pid == 1 })
            #expect(Set(entries.map(\.unit)) == ["one.service", "three.service"])
            #expect(Set(entries.map(\.cursor)).count == entries.count && !entries.contains { $0.cursor.isEmpty })

            // The same question to systemd's own tool.
            let told = try await machine.run(
                "/usr/bin/journalctl", "--unit", "one.service", "--unit", "three.service", "--output=cat", "--quiet")
            #expect(told.text.split(separator: "\n").map(String.init) == entries.map(\.message))

            try await limits(entries, of: machine)
            await manager.close()
        }
    }

    /// Lines, since and until, against all that there is.
    private func limits(_ all: [JournalEntry], of machine: NspawnMachine) async throws {
        func query(_ lines: Int? = nil, _ since: UInt64? = nil, _ until: UInt64? = nil) -> JournalQuery {
            JournalQuery(units: ["one.service", "three.service"], lines: lines, since: since, until: until)
        }
        let middle = all[all.count / 2].time
        let table: [(JournalQuery, [JournalEntry])] = [
            (query(0), []), (query(2), all.suffix(2)), (query(1000), all),
            (query(nil, middle), all.filter { $0.time >= middle }),
            (query(nil, nil, middle), all.filter { $0.time <= middle }),
            (query(2, nil, middle), all.filter { $0.time <= middle }.suffix(2)),
            (query(1000, middle), all.filter { $0.time >= middle }),
            (query(1, middle), all.suffix(1)),
            (query(nil, middle, middle), all.filter { $0.time == middle }),
            (query(5, all[0].time - 10, all[0].time - 1), []),
        ]
        for (query, expected) in table {
            #expect(try await Self.read(query, of: machine) == expected, "\(query)")
        }
    }

    @Test("following tells what is there, then what is written, also after the files were rotated and cut down")
    func follow() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.brokered)
            try machine.write(Self.writer("talk", 2), to: Self.folder + "talk.service")
            let reader = try JournalReader(
                JournalQuery(units: ["talk.service"], lines: 10, follow: true), in: .root(machine.path("")))
            let empty = try await reader.next()
            #expect(empty == JournalBatch(isCaughtUp: true))

            var seen: [String] = []
            func read(upTo count: Int) async throws {
                while seen.count < count, let batch = try await reader.next() {
                    seen += batch.entries.filter { $0.identifier == "talk" }.map(\.message)
                }
            }
            for round in 1...3 {
                #expect(try await manager.startUnit("talk.service") == .done)
                try await read(upTo: 2 * round)
                _ = try await machine.run("/usr/bin/journalctl", "--rotate", "--vacuum-files=1")
            }
            #expect(seen == Array(repeating: ["talk 1", "talk 2"], count: 3).flatMap { $0 })

            let waiting = Task { () throws -> JournalBatch? in
                while let batch = try await reader.next() { if batch.entries.isEmpty { continue } }
                return nil
            }
            waiting.cancel()
            let end = await waiting.result
            #expect(throws: SystemdError.self) { try end.get() }
            await manager.close()
        }
    }

    @Test("a flood is read whole while the reader lags, and a huge or binary message is bounded")
    func flood() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.brokered)
            // Lines are cut at 48 KiB otherwise, which is less than what the reader takes.
            try machine.write("[Journal]\nLineMax=1M\n", to: "/run/systemd/journald.conf.d/long.conf")
            _ = try await machine.run("/usr/bin/systemctl", "restart", "systemd-journald.service")
            try machine.write(Self.writer("flood", 5000), to: Self.folder + "flood.service")
            let huge = """
                [Service]
                Type=oneshot
                SyslogIdentifier=huge
                ExecStart=/bin/sh -c "head -c 40000 /dev/zero | tr '\\\\0' x; echo; head -c 200000 /dev/zero | tr '\\\\0' z; echo; printf 'a\\\\377b\\\\n'"
                """
            try machine.write(huge, to: Self.folder + "huge.service")
            for name in ["flood", "huge"] {
                #expect(try await manager.startUnit("\(name).service") == .done)
            }
            try await Self.settle(machine)

            let lines = try await Self.read(JournalQuery(units: ["flood.service"]), of: machine)
            let own = lines.filter { $0.identifier == "flood" }
            #expect(own.map(\.message) == (1...5000).map { "flood \($0)" })

            let odd = try await Self.read(JournalQuery(units: ["huge.service"]), of: machine)
                .filter { $0.identifier == "huge" }
            #expect(odd.contains { $0.message == String(repeating: "x", count: 40000) && !$0.isCut })
            #expect(odd.contains { $0.message == "a\u{FFFD}b" })

            let cut = odd.filter { $0.message.hasPrefix("z") }
            #expect(cut.count == 1 && cut.allSatisfy { $0.isCut })
            #expect(cut.allSatisfy { $0.message.utf8.count <= JournalReader.fieldLimit })
            await manager.close()
        }
    }

    @Test("a reader that is dropped or cancelled before anything came ends its thread")
    func cancel() async throws {
        let reader = try JournalReader(
            JournalQuery(units: ["nobody.service"], follow: true), in: .root("/nowhere-at-all"))
        reader.cancel()
        await #expect(throws: SystemdError.self) { while try await reader.next() != nil {} }
    }
}
