// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import FoundationEssentials
import Synchronization
import Testing

@testable import FleetAPIServer

/// A journal that tests write.
final class FakeJournal: JournalSource {
    private struct State {
        var entries: [API.JournalEntry] = []
        var failure: String?
        var error: APIError?
        var began: Int64?
        var queries: [API.JournalQuery] = []
        var followers: [AsyncThrowingStream<[API.JournalItem], any Error>.Continuation] = []
        var given = 0
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let state = Mutex(State())

    /// `began` is what it says to a follower first, if anything.
    init(
        _ entries: [API.JournalEntry] = [], failure: String? = nil, error: APIError? = nil, began: Int64? = nil
    ) {
        state.withLock {
            $0.entries = entries
            $0.failure = failure
            $0.error = error
            $0.began = began
        }
    }

    var queries: [API.JournalQuery] { state.withLock { $0.queries } }
    /// How many entries were pulled.
    var given: Int { state.withLock { $0.given } }

    func write(_ entry: API.JournalEntry) {
        state.withLock { state in
            state.entries.append(entry)
            for follower in state.followers { follower.yield([.entry(entry)]) }
        }
    }

    /// Ends all readings, and answers those to come with `failure` if one is given.
    func breakOff(_ failure: String?) {
        state.withLock { state in
            for follower in state.followers { follower.finish(throwing: Failure(description: "the line broke")) }
            state.followers = []
            state.failure = failure
        }
    }

    func items(_ query: API.JournalQuery) async throws -> AsyncThrowingStream<[API.JournalItem], any Error> {
        // In one step, so that what is written meanwhile is told either as old or as new.
        let (wanted, following) = try state.withLock {
            state -> ([API.JournalEntry], AsyncThrowingStream<[API.JournalItem], any Error>?) in
            state.queries.append(query)
            if let failure = state.failure { throw Failure(description: failure) }
            if let error = state.error { throw error }
            var wanted = state.entries.filter { $0.time >= query.since ?? 0 && $0.time <= query.until ?? .max }
            if let lines = query.lines { wanted = wanted.suffix(lines) }
            guard query.follow else { return (wanted, nil) }
            let (stream, continuation) = AsyncThrowingStream<[API.JournalItem], any Error>.makeStream()
            if let began = state.began { continuation.yield([.began(began)]) }
            continuation.yield(wanted.map(API.JournalItem.entry) + [.caughtUp])
            state.followers.append(continuation)
            return (wanted, stream)
        }
        if let following { return following }
        let rest = Mutex(wanted[...])
        return AsyncThrowingStream { [self] in
            let next = rest.withLock { $0.popFirst() }
            state.withLock { $0.given += next == nil ? 0 : 1 }
            return next.map { [.entry($0)] }
        }
    }
}

/// A journal that answers when it is told to.
private final class SilentJournal: JournalSource {
    private let answers: AsyncThrowingStream<[API.JournalItem], any Error>
    private let inbox: AsyncThrowingStream<[API.JournalItem], any Error>.Continuation

    init() { (answers, inbox) = AsyncThrowingStream<[API.JournalItem], any Error>.makeStream() }

    func answer(_ entries: [API.JournalEntry]) {
        inbox.yield(entries.map(API.JournalItem.entry))
        inbox.finish()
    }

    func items(_: API.JournalQuery) async throws -> AsyncThrowingStream<[API.JournalItem], any Error> { answers }
}

@Suite("Journal routes", .timeLimit(.minutes(5)))
struct JournalRoutesTests {
    private static let machineC = MachineID(String(repeating: "c", count: 32)) ?? Sample.machineA

    private static func entry(_ time: Int64, _ machine: MachineID, _ unit: String = "web.service") -> API.JournalEntry {
        API.JournalEntry(
            time: time, machine: machine.rawValue, host: "host", unit: unit, priority: 6, identifier: "web", pid: 7,
            message: "m\(time)", cursor: "\(machine.short)\(time)")
    }

    private struct Rig {
        let cluster: MemoryCluster
        let service: APIService

        // `silence` is for how long a machine may say nothing before it is named.
        init(_ events: [ClusterEvent], _ journals: [MachineID: any JournalSource], silence: Duration? = nil) {
            cluster = MemoryCluster(events)
            var limits = JournalMerge.Limits()
            limits.silence = silence
            var times = JournalFeed.Times()
            times.firstRetry = .milliseconds(1)
            let sources = JournalSources(
                machine: Sample.machineA, local: journals[Sample.machineA] ?? FakeJournal(),
                remote: { journals[$0.id] })
            service = APIService(
                access: cluster, version: "9.9",
                extraRoutes: JournalRoutes(access: cluster, sources: sources, times: times, limits: limits).routes)
        }

        var client: FleetClient {
            FleetClient(endpoint: .unix(path: "/test.sock"), transport: DirectTransport(service: service))
        }

        func all(_ query: API.JournalQuery) async throws -> [API.JournalItem] {
            var items: [API.JournalItem] = []
            for try await some in try await client.journal(query) { items += some }
            return items
        }

        func answer(_ target: String, as caller: Caller = .itself) async -> ServerReply {
            await service.respond(
                to: ServerRequest(
                    method: "GET", target: target, caller: caller,
                    body: { () async throws(ServerFailure) in [] }))
        }
    }

    private static let twoMachines: [ClusterEvent] =
        Sample.unit("web.service", .launched) + Sample.unit("log.service", .launched, file: Sample.global) + [
            Sample.machine(Sample.machineA), Sample.machine(Sample.machineB, address: "10.0.0.2"),
            Sample.assigned("web.service"), Sample.reported("web.service"),
            Sample.reported("log.service"), Sample.reported("log.service", by: Sample.machineB),
        ]

    @Test("a unit's journal is asked of its machines alone, several units' is merged by time")
    func merged() async throws {
        let a = FakeJournal([1, 3, 5].map { Self.entry($0, Sample.machineA) })
        let b = FakeJournal([2, 4].map { Self.entry($0, Sample.machineB, "log.service") })
        let rig = Rig(Self.twoMachines, [Sample.machineA: a, Sample.machineB: b])
        #expect(try await rig.all(API.JournalQuery(units: ["web.service"])).count == 3)
        #expect(b.queries.isEmpty)

        let both = API.JournalQuery(units: ["web.service", "log.service"], lines: 4, since: 1, until: 5)
        #expect(try await rig.all(both).compactMap(\.time) == [2, 3, 4, 5])
        #expect(a.queries.last == both && b.queries == [both])
        let named = API.JournalQuery(units: ["log.service"], machines: [Sample.machineB.rawValue])
        #expect(try await rig.all(named).compactMap(\.time) == [2, 4])
    }

    @Test("a machine that is away, serves no API or fails is named, and the others' entries come all the same")
    func notices() async throws {
        var events = Self.twoMachines
        events.append(Sample.reported("log.service", by: Self.machineC))
        let a = FakeJournal([Self.entry(1, Sample.machineA)])
        let away = try await Rig(events, [Sample.machineA: a]).all(API.JournalQuery(units: ["log.service"]))
        #expect(away.compactMap(\.time) == [1])
        #expect(
            away.compactMap(\.notice).map(\.machine) == [Sample.machineB.rawValue, Self.machineC.rawValue])
        #expect(away.compactMap(\.notice).map(\.notice).joined().contains("serves no API"))

        let b = FakeJournal(failure: "nobody listens")
        let failed = try await Rig(Self.twoMachines, [Sample.machineA: a, Sample.machineB: b])
            .all(API.JournalQuery(units: ["log.service"], lines: 10))
        #expect(failed.compactMap(\.time) == [1])
        #expect(
            failed.compactMap(\.notice)
                == [API.JournalNotice("cannot be read: nobody listens", machine: Sample.machineB.rawValue)])
    }

    @Test(
        "of a machine whose agent does not answer neither the address is told nor libcurl's words",
        arguments: [APIError.Code.unreachable, .timedOut, .connectionLost], [false, true])
    func silentAgent(code: APIError.Code, follows: Bool) async throws {
        let message = "cannot read the journal: the exchange with tls:b:7 broke off (closed); --endpoint names another"
        let b = FakeJournal(error: APIError(code: code, endpoint: "tls:b:7", message: message))
        let rig = Rig(Self.twoMachines, [Sample.machineA: FakeJournal(), Sample.machineB: b])
        let stream = try await rig.client.journal(
            API.JournalQuery(units: ["log.service"], lines: 10, follow: follows))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while !seen.contains(where: { $0.notice != nil }), let some = try await items.next() { seen += some }
        let words = "cannot be read: its agent does not answer\(follows ? "; asking again" : "")"
        #expect(seen.compactMap(\.notice) == [API.JournalNotice(words, machine: Sample.machineB.rawValue)])
    }

    @Test("a machine that does not answer is named soon, and its entries come when it does")
    func silence() async throws {
        let b = SilentJournal()
        let rig = Rig(Self.twoMachines, [Sample.machineB: b], silence: .milliseconds(1))
        let stream = try await rig.client.journal(
            API.JournalQuery(units: ["log.service"], machines: [Sample.machineB.rawValue]))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while seen.isEmpty, let some = try await items.next() { seen += some }
        let notice = API.JournalNotice("does not answer yet", machine: Sample.machineB.rawValue, passing: true)
        #expect(seen.compactMap(\.notice) == [notice])
        b.answer([Self.entry(1, Sample.machineB)])
        while let some = try await items.next() { seen += some }
        #expect(seen.compactMap(\.time) == [1] && seen.compactMap(\.notice) == [notice])
    }

    @Test("a unit that is nowhere is looked for on every machine")
    func nowhere() async throws {
        let a = FakeJournal([Self.entry(1, Sample.machineA)])
        let b = FakeJournal([Self.entry(2, Sample.machineB)])
        let rig = Rig(
            Sample.unit("web.service") + [Sample.machine(Sample.machineA), Sample.machine(Sample.machineB)],
            [Sample.machineA: a, Sample.machineB: b])
        #expect(try await rig.all(API.JournalQuery(units: ["web.service"])).compactMap(\.time) == [1, 2])
    }

    @Test("following tells what was there, what is written, and what a machine wrote to which the unit has moved")
    func follow() async throws {
        let a = FakeJournal([1, 2].map { Self.entry($0, Sample.machineA) })
        let b = FakeJournal()
        let rig = Rig(Self.twoMachines, [Sample.machineA: a, Sample.machineB: b])
        let stream = try await rig.client.journal(API.JournalQuery(units: ["web.service"], lines: 1, follow: true))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while seen.count < 3, let some = try await items.next() { seen += some }
        let began = try #require(seen.first?.began)
        #expect(seen.compactMap(\.time) == [2] && seen.last == .caughtUp)
        a.write(Self.entry(3, Sample.machineA))
        while seen.count < 4, let some = try await items.next() { seen += some }
        rig.cluster.apply([Sample.reported("web.service", by: Sample.machineB)])
        let later = Int64.max - 10
        b.write(Self.entry(later, Sample.machineB))
        while seen.count < 5, let some = try await items.next() { seen += some }
        #expect(seen.compactMap(\.time) == [2, 3, later])
        #expect(b.queries.map(\.lines) == [nil] && b.queries.first?.since == began)
        #expect(began > 1_600_000_000_000_000)
    }

    @Test("who follows without older entries misses nothing that a journal wrote while it was away")
    func nothingOlder() async throws {
        let a = FakeJournal([1, 2].map { Self.entry($0, Sample.machineA) }, began: 3)
        let rig = Rig(Self.twoMachines, [Sample.machineA: a])
        let stream = try await rig.client.journal(API.JournalQuery(units: ["web.service"], lines: 0, follow: true))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while seen.last != .caughtUp, let some = try await items.next() { seen += some }
        #expect(seen.count == 2 && a.queries.map(\.lines) == [0])
        a.breakOff("gone")
        while seen.last?.notice == nil, let some = try await items.next() { seen += some }
        a.write(Self.entry(4, Sample.machineA))
        a.breakOff(nil)
        while seen.last?.time == nil, let some = try await items.next() { seen += some }
        #expect(seen.compactMap(\.time) == [4])
        // From when its own machine says that it was first asked.
        #expect(a.queries.last?.since == 3 && a.queries.last?.lines == nil)
    }

    @Test("a journal that cannot be read at first is asked for all since the client came")
    func awayAtFirst() async throws {
        let a = FakeJournal([Self.entry(1, Sample.machineA)], failure: "nobody listens")
        let rig = Rig(Self.twoMachines, [Sample.machineA: a])
        let stream = try await rig.client.journal(API.JournalQuery(units: ["web.service"], lines: 0, follow: true))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while !seen.contains(where: { $0.notice != nil }), let some = try await items.next() { seen += some }
        let later = Int64.max - 10
        a.write(Self.entry(later, Sample.machineA))
        a.breakOff(nil)
        while seen.last?.time == nil, let some = try await items.next() { seen += some }
        #expect(seen.compactMap(\.time) == [later])
        let began = try #require(seen.first?.began)
        #expect(a.queries.last?.since == began && a.queries.last?.lines == nil)
    }

    @Test("what a journal holds from while it was away is not counted among the lines that were asked for")
    func awayWithLines() async throws {
        let a = FakeJournal([1, 2].map { Self.entry($0, Sample.machineA) }, failure: "nobody listens")
        let rig = Rig(Self.twoMachines, [Sample.machineA: a])
        let stream = try await rig.client.journal(API.JournalQuery(units: ["web.service"], lines: 1, follow: true))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while !seen.contains(where: { $0.notice != nil }), let some = try await items.next() { seen += some }
        let later = Int64.max - 10
        for time in [later, later + 1] { a.write(Self.entry(time, Sample.machineA)) }
        a.breakOff(nil)
        while !seen.contains(where: { $0.time == later + 1 }), let some = try await items.next() { seen += some }
        #expect(seen.compactMap(\.time) == [2, later, later + 1])
        #expect(a.queries.last?.since == 2 && a.queries.last?.lines == nil)
    }

    @Test("a journal that breaks off is named, asked again from where it was, and nothing comes twice")
    func again() async throws {
        let a = FakeJournal(
            [1, 2, 2].enumerated().map { index, time in
                var entry = Self.entry(Int64(time), Sample.machineA)
                entry.cursor = "c\(index)"
                return entry
            })
        let rig = Rig(Self.twoMachines, [Sample.machineA: a])
        let stream = try await rig.client.journal(API.JournalQuery(units: ["web.service"], lines: 5, follow: true))
        var items = stream.makeAsyncIterator()
        var seen: [API.JournalItem] = []
        while seen.last != .caughtUp, let some = try await items.next() { seen += some }
        a.breakOff("gone")
        while seen.last?.notice == nil, let some = try await items.next() { seen += some }
        a.breakOff(nil)
        a.write(Self.entry(3, Sample.machineA))
        while seen.last?.time != 3, let some = try await items.next() { seen += some }
        #expect(seen.compactMap(\.time) == [1, 2, 2, 3])
        #expect(
            seen.compactMap(\.notice).map(\.notice) == [
                "cannot be read: the line broke; asking again", "answers again",
            ])
        #expect(a.queries.last?.since == 2 && a.queries.last?.lines == nil)
    }

    @Test("a client that does not read stops the machines' journals")
    func backpressure() async throws {
        let a = FakeJournal((1...20_000).map { Self.entry($0, Sample.machineA) })
        let rig = Rig(Self.twoMachines, [Sample.machineA: a])
        guard case .stream(let body) = await rig.answer("/flotilla/v1/journal?unit=web.service").body else {
            Issue.record("no stream")
            return
        }
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let (began, begin) = AsyncStream<Void>.makeStream()
        let running = Task {
            try await body.run { _ in
                begin.yield()
                for await _ in gate { break }
            }
        }
        for await _ in began { break }
        var last = -1
        while last != a.given {
            last = a.given
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(last < 5000)
        opener.finish()
        try await running.value
        #expect(a.given == 20_000)
    }

    @Test(
        "what a journal cannot be asked is refused in words",
        arguments: [
            ("/flotilla/v1/journal", 400), ("/flotilla/v1/journal?unit=nobody.service", 404),
            ("/flotilla/v1/journal?unit=web.service&lines=-1", 400),
            ("/flotilla/v1/journal?unit=web.service&lines=10001", 400),
            ("/flotilla/v1/journal?unit=web.service&since=yesterday", 400),
            ("/flotilla/v1/journal?unit=web.service&follow=1", 400),
            ("/flotilla/v1/journal?unit=web.service&colour=red", 400),
            ("/flotilla/v1/journal?unit=web.service&machine=abc", 400),
            ("/flotilla/v1/journal?unit=..%2Fweb", 400),
            ("/flotilla/v1/machines/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/journal?unit=web.service", 404),
        ])
    func refusals(target: String, status: Int) async throws {
        let reply = await Rig(Self.twoMachines, [:]).answer(target)
        #expect(reply.status == status)
        guard case .bytes(let bytes) = reply.body else {
            Issue.record("no body")
            return
        }
        #expect(try JSON(parsing: bytes)["error"]?["message"]?.string?.isEmpty == false)
    }

    @Test("viewers read units' journals; one machine's is for machines and administrators alone")
    func permission() async throws {
        let rig = Rig(Self.twoMachines, [Sample.machineA: FakeJournal()])
        let own = "/flotilla/v1/machines/\(Sample.machineA)/journal?unit=web.service"
        let callers: [(Caller.Identity, journal: Int, machine: Int)] = [
            (.user(.viewer), 200, 403), (.user(.operator), 200, 403), (.user(.admin), 200, 200),
            (.machine(id: Sample.machineB.rawValue), 403, 200), (.unknown(reason: "test"), 401, 401),
        ]
        for (identity, journal, machine) in callers {
            let caller = Caller(name: "x", origin: "test", identity: identity)
            #expect(await rig.answer("/flotilla/v1/journal?unit=web.service", as: caller).status == journal)
            #expect(await rig.answer(own, as: caller).status == machine)
        }
        #expect(await rig.answer(own).header("Content-Type") == "application/x-ndjson")
    }

    @Test("a line of each kind is on the wire as the documentation shows it")
    func wire() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let table: [(API.JournalItem, String)] = [
            (
                .entry(Self.entry(5, Sample.machineA)),
                #"{"cursor":"aaaaaaaa5","host":"host","identifier":"web","machine":"\#(Sample.machineA)","#
                    + #""message":"m5","pid":7,"priority":6,"time":5,"unit":"web.service"}"#
            ),
            (.notice(API.JournalNotice("gone", machine: "abc")), #"{"machine":"abc","notice":"gone"}"#),
            (.caughtUp, #"{"caughtUp":true}"#),
        ]
        for (item, text) in table {
            #expect(String(decoding: try encoder.encode(item), as: UTF8.self) == text)
            #expect(try JSONDecoder().decode(API.JournalItem.self, from: Data(text.utf8)) == item)
        }
    }
}

extension API.JournalItem {
    fileprivate var began: Int64? { if case .began(let time) = self { time } else { nil } }
    fileprivate var time: Int64? { if case .entry(let entry) = self { entry.time } else { nil } }
    fileprivate var notice: API.JournalNotice? { if case .notice(let notice) = self { notice } else { nil } }
}
