// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Glibc
import Testing

@Suite("journal")
struct JournalCommandTests {
    private static let machines = Fixtures.machines(2)

    private static func entry(
        _ time: Int64, _ message: String, host: String = "alpha", priority: Int? = 6
    ) -> FleetJournalItem {
        .entry(
            FleetJournalEntry(
                time: time, machine: machines[0].id, host: host, unit: "web.service", priority: priority,
                identifier: "web", pid: 42, message: message, cursor: "s=1"))
    }

    private static func numbered(_ second: Int64, _ cursor: String) -> FleetJournalItem {
        .entry(
            FleetJournalEntry(
                time: second * 1_000_000, machine: machines[0].id, host: "alpha", unit: "web.service",
                identifier: "web", message: "entry \(cursor)", cursor: cursor))
    }

    private func fleet(_ items: [FleetJournalItem] = [], refusals: [String: ClusterManagerError] = [:]) async throws
        -> FakeFleet
    {
        let fleet = FakeFleet(
            units: [
                try Fixtures.unit("web.service"), try Fixtures.unit("w@1.service"), try Fixtures.unit("w@2.service"),
            ], machines: Self.machines, runsUnits: false, refusals: refusals)
        await fleet.setJournals(items)
        return fleet
    }

    @Test(
        "the question is what the options say",
        arguments: [
            ("journal web", FleetJournalQuery(units: ["web.service"].map(UnitName.init(unchecked:)), lines: 10)),
            (
                "journal web --sudo --ssh-port 22",
                FleetJournalQuery(units: ["web.service"].map(UnitName.init(unchecked:)), lines: 10)
            ),
            (
                "journal -n 3 -f w@* web.service w@1",
                FleetJournalQuery(
                    units: ["w@1.service", "w@2.service", "web.service"].map(UnitName.init(unchecked:)), lines: 3,
                    follow: true)
            ),
            (
                "journal web --since @5 --f",
                FleetJournalQuery(units: ["web.service"].map(UnitName.init(unchecked:)), since: 5_000_000, follow: true)
            ),
            (
                "journal web --since=@5 --until=@6.25 --lines=0",
                FleetJournalQuery(
                    units: ["web.service"].map(UnitName.init(unchecked:)), lines: 0, since: 5_000_000, until: 6_250_000)
            ),
            (
                "journal web --machine 1000",
                FleetJournalQuery(
                    units: ["web.service"].map(UnitName.init(unchecked:)), lines: 10, machines: [Fixtures.id("10")])
            ),
        ])
    func query(arguments: String, expected: FleetJournalQuery) async throws {
        let fleet = try await fleet([Self.entry(1, "x")])
        let session = await Session.run(arguments, on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.journalQueries == [expected])
        #expect(session.programs.isEmpty)
    }

    @Test("a time before now may be written with its sign behind a blank")
    func signed() async throws {
        let fleet = try await fleet([Self.entry(1, "x")])
        let session = await Session.run("journal web --since -1h --until -1min", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        let query = try #require(await fleet.journalQueries.first)
        let (since, until) = (try #require(query.since), try #require(query.until))
        #expect(until - since == 59 * 60 * 1_000_000)
    }

    @Test("who follows is not left when the agent that was asked restarts, and sees each entry once")
    func followsOn() async throws {
        let entry = Self.numbered
        // A slower machine's entry may be older than what was printed last.
        let fleet = try await fleet([entry(99, "b"), entry(100, "c"), entry(98, "late"), entry(101, "d")])
        await fleet.breakJournals(after: [[entry(90, "a"), entry(99, "b"), entry(100, "c")], []])
        let session = await Session.run("journal -f web --output cat", on: fleet)
        #expect(session.output == "entry a\nentry b\nentry c\nentry late\nentry d\n")
        // Neither an address nor advice, since it goes on by itself.
        #expect(
            session.errors
                == "cluster-manager: the journal broke off (the agent that was asked does not answer); asking again\n")
        let queries = await fleet.journalQueries
        #expect(queries.count == 3)
        #expect(queries.last?.lines == nil && queries.last?.since == 95_000_000)
        // Without following there is no going on.
        await fleet.breakJournals(after: [[entry(90, "a")]])
        #expect(await Session.run("journal web", on: fleet).status == .unreachable)
    }

    @Test("who follows and has been shown nothing yet asks from when the first server began to listen")
    func followsFromNow() async throws {
        let fleet = try await fleet([Self.numbered(52, "a"), Self.numbered(53, "b")])
        await fleet.breakJournals(after: [
            [.began(50_000_000)], [.began(51_000_000), .caughtUp, Self.numbered(52, "a")],
        ])
        let session = await Session.run("journal -f -n 0 web --output cat", on: fleet)
        #expect(session.output == "entry a\nentry b\n")
        var queries = await fleet.journalQueries
        #expect(queries.map(\.lines) == [0, nil, nil])
        // Nothing of before it, though the latest entry is less than five seconds later.
        #expect(queries.map(\.since) == [nil, 50_000_000, 50_000_000])

        // Of a unit that had written nothing when the question came all is new.
        await fleet.breakJournals(after: [[.began(50_000_000), .caughtUp]])
        #expect(await Session.run("journal -f web", on: fleet).status == .success)
        queries = Array(await fleet.journalQueries.dropFirst(3))
        #expect(queries.map(\.lines) == [10, nil] && queries.map(\.since) == [nil, 50_000_000])
    }

    @Test("what is written while a follow is broken off is not counted among the lines that it began with")
    func entriesBetween() async throws {
        let (a, b, c) = (Self.numbered(49, "a"), Self.numbered(51, "b"), Self.numbered(52, "c"))
        let fleet = try await fleet([a, b, c])
        // Nothing was told yet, and breaks off once more.
        await fleet.breakJournals(after: [[.began(50_000_000)], []], whole: [[a]])
        let session = await Session.run("journal -f -n 1 web --output cat", on: fleet)
        #expect(session.output == "entry a\nentry b\nentry c\n")
        var queries = await fleet.journalQueries
        #expect(queries.map(\.lines) == [1, 1, 1, nil])
        #expect(queries.map(\.until) == [nil, 50_000_000, 50_000_000, nil])
        #expect(queries.map(\.follow) == [true, false, false, true])
        #expect(queries.map(\.since) == [nil, nil, nil, 49_000_000])

        // Nothing had been written before.
        await fleet.breakJournals(after: [[.began(50_000_000)]], whole: [[]])
        #expect(await Session.run("journal -f web", on: fleet).status == .success)
        queries = Array(await fleet.journalQueries.dropFirst(4))
        #expect(queries.map(\.lines) == [10, 10, nil] && queries.map(\.since) == [nil, nil, 50_000_000])

        // A part was told; and a server that does not say when it began is asked as it was.
        await fleet.breakJournals(after: [[.began(50_000_000)], [a]])
        let part = await Session.run("journal -f -n 2 web --output cat", on: fleet)
        #expect(part.output == "entry a\nentry b\nentry c\n")
        await fleet.breakJournals(after: [[]])
        #expect(await Session.run("journal -f -n 2 web", on: fleet).status == .success)
        queries = Array(await fleet.journalQueries.dropFirst(7))
        #expect(queries.map(\.lines) == [2, 2, nil, 2, 2] && queries.map(\.follow) == [true, false, true, true, true])
    }

    @Test("a follow that goes on prints nothing older than what it began with")
    func nothingOlder() async throws {
        let fleet = try await fleet([Self.numbered(99, "b"), Self.numbered(101, "c")])
        await fleet.breakJournals(after: [[.began(100_000_000), Self.numbered(99, "b"), .caughtUp]])
        let session = await Session.run("journal -f -n 1 web --output cat", on: fleet)
        #expect(session.output == "entry b\nentry c\n")
        #expect(await fleet.journalQueries.last?.since == 99_000_000)
    }

    @Test("each form of output looks as journalctl's")
    func forms() async throws {
        let time: Int64 = 1_770_000_000_123_456
        var seconds = time_t(time / 1_000_000)
        var fields = tm()
        localtime_r(&seconds, &fields)
        var buffer = [CChar](repeating: 0, count: 64)
        func formatted(_ format: String) -> String {
            let count = strftime(&buffer, buffer.count, format, &fields)
            return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let fleet = try await fleet([Self.entry(time, "one\n\u{1B}[2Jtwo\n")])
        func output(_ options: String) async -> String { await Session.run("journal web " + options, on: fleet).output }
        let head = formatted("%b %d %H:%M:%S") + " alpha web[42]: "
        let indent = String(repeating: " ", count: head.count)
        #expect(await output("") == head + "one\n" + indent + "\\x1b[2Jtwo\n")
        #expect(await output("-a") == head + "one\n" + indent + "\u{1B}[2Jtwo\n")
        #expect(
            await output("--output short-iso").hasPrefix(formatted("%Y-%m-%dT%H:%M:%S%z") + " alpha web[42]: one\n"))
        #expect(await output("--output cat") == "one\n\\x1b[2Jtwo\n")
        #expect(
            await output("--output=json")
                == #"{"MESSAGE":"one\n\u001b[2Jtwo\n","PRIORITY":"6","SYSLOG_IDENTIFIER":"web","_HOSTNAME":"alpha","#
                + #""_MACHINE_ID":"\#(Self.machines[0].id)","_PID":"42","_SYSTEMD_UNIT":"web.service","#
                + #""__CURSOR":"s=1","__REALTIME_TIMESTAMP":"\#(time)"}"# + "\n")
    }

    @Test("a priority shows as a colour where there are colours, and only there")
    func colours() {
        func text(_ priority: Int?, _ hasColours: Bool) -> String {
            let entry = FleetJournalEntry(time: 1, machine: "m", unit: "u", priority: priority, message: "x")
            return JournalForm.cat.text(entry, hasColours: hasColours)
        }
        #expect(text(3, true) == "\u{1B}[31mx\u{1B}[0m\n" && text(4, true) == "\u{1B}[33mx\u{1B}[0m\n")
        #expect(text(6, true) == "x\n" && text(nil, true) == "x\n" && text(3, false) == "x\n")
    }

    @Test("a machine that cannot be asked is told on standard error and by the exit status")
    func notices() async throws {
        let id = Self.machines[1].id
        let fleet = try await fleet([
            .notice("is away, so its entries are missing", machine: id), Self.entry(1, "x"),
            .notice("something \u{7}", machine: nil), .caughtUp,
            // By now its name is known.
            .notice("cannot be read", machine: Self.machines[0].id),
        ])
        let session = await Session.run("journal web --output cat", on: fleet)
        #expect(session.status == .incomplete && session.output == "x\n")
        #expect(
            session.errors == """
                cluster-manager: machine \(id.prefix(8))... is away, so its entries are missing
                cluster-manager: something \\x07
                cluster-manager: machine alpha (10000000) cannot be read

                """)
    }

    @Test("a machine that lets wait is told on standard error, and costs no exit status")
    func delay() async throws {
        let fleet = try await fleet([
            .delay("does not answer yet", machine: Self.machines[1].id), Self.entry(1, "x"), .caughtUp,
        ])
        let session = await Session.run("journal web --output cat", on: fleet)
        #expect(session.status == .success && session.output == "x\n")
        let name = Self.machines[1].id.prefix(8)
        #expect(session.errors == "cluster-manager: machine \(name)... does not answer yet\n")
    }

    @Test("nothing found is said, and a server without journals is named as such")
    func nothing() async throws {
        let empty = await Session.run("journal web", on: try await fleet())
        #expect(empty.status == .success && empty.output.isEmpty && empty.errors == "cluster-manager: no entries\n")
        let old = await Session.run(
            "journal web", on: try await fleet(refusals: ["journal": ClusterManagerError(.unit, "not found")]))
        #expect(old.status == .failure && old.errors.contains("--ssh reads them by ssh"))
    }

    @Test("moments are understood as systemd writes them")
    func times() {
        let now: Int64 = 1_770_000_000_500_000
        let minute: Int64 = 60_000_000
        func at(_ text: String) -> Int64? { JournalTime.parse(text, now: now) }
        #expect(at("now") == now && at("@0") == 0 && at("@1.5") == 1_500_000 && at("@1.000001") == 1_000_001)
        #expect(at("-1h") == now - 60 * minute && at("1h 30min ago") == now - 90 * minute)
        #expect(
            at("+2d") == now + 2880 * minute && at("-90") == now - 90_000_000 && at("10 min ago") == now - 10 * minute)
        #expect(at("2026-03-09 14:30:00 UTC") == 1_773_066_600_000_000)
        #expect(at("2026-03-09T14:30:00Z") == 1_773_066_600_000_000)
        #expect(at("2026-03-09 14:30:00.25 UTC") == 1_773_066_600_250_000)
        #expect(at("2024-02-29 00:00 UTC") == 1_709_164_800_000_000)
        #expect(at("2026-03-09T15:30:00+0100") == 1_773_066_600_000_000)
        #expect(at("2026-03-09 09:00:00-05:30") == 1_773_066_600_000_000)
        // What names no zone is in the command's.
        #expect(JournalTime.parse("2026-03-09 14:30:00", now: now, isUTC: true) == 1_773_066_600_000_000)
        #expect(JournalTime.parse("2026-03-09 15:30:00+0100", now: now, isUTC: true) == 1_773_066_600_000_000)
        #expect(JournalTime.parse("today", now: now, isUTC: true) == now - now % 86_400_000_000)
        #expect(at("tomorrow").map { $0 > now } == true && at("today").map { $0 <= now } == true)
        #expect(at("yesterday").map { $0 < now - 60 } == true)
        let wrong = [
            "", "soon", "@", "@x", "@1.", "-", "-1q", "2026-02-30", "2026-13-01", "25:00", "10:61", "1:2:3:4", "h ago",
            "14:30 2026-03-09", "2026-03-09 2026-03-09", "@99999999999999999999", "-99999999999999y", "é", "1é ago",
            "2026-03-09 14:30+1", "2026-03-09 14:30+0160", "2026-03-09 14:30+2400", "2026-03-09 14:30 +é100",
        ]
        for text in wrong { #expect(at(text) == nil, "\(text)") }
    }
}
