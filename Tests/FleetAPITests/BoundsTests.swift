// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import FoundationEssentials
import Synchronization
import Testing

@testable import FleetAPIServer

@Suite("Bounds by class of callers", .timeLimit(.minutes(3)))
struct BoundsTests {
    private static func user(_ name: String, _ role: Caller.Role = .viewer) -> Caller {
        Caller(name: "user:\(name)", origin: "10.0.0.1", identity: .user(role))
    }

    private static func stranger(_ address: String) -> Caller { .unknown(origin: address, reason: "") }

    @Test("who calls counts against the bounds of his class")
    func classes() {
        #expect(Self.stranger("10.0.0.1").group == .stranger)
        #expect(Caller.unread(origin: "10.0.0.1").group == .stranger)
        #expect(Self.user("vera").group == .viewer)
        #expect(Self.user("olaf", .operator).group == .operator && Self.user("ada", .admin).group == .operator)
        #expect(Caller(name: "machine:1", origin: "10.0.0.1", identity: .machine(id: "1")).group == .machine)
        #expect(Caller(name: "unix:0", origin: "unix", identity: .user(.admin)).group == .socket)
    }

    @Test("where nobody has a name everybody counts by his address")
    func nameless() {
        let callers = ["10.0.0.1", "10.0.0.2"].map { PlainAccess.everything.caller(from: $0) }
        #expect(callers.map(\.group) == [.operator, .operator] && callers.map(\.boundKey) == ["10.0.0.1", "10.0.0.2"])
    }

    @Test(
        "strangers count by address, and by /64 where anybody has 2^64 of them",
        arguments: [
            ("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2/64"),
            ("2001:db8:1:2::", "2001:db8:1:2/64"), ("fe80::1%eth0", "fe80:0:0:0/64"), ("unix", "unix"), ("?", "?"),
        ])
    func blocks(address: String, block: String) { #expect(AddressBlock.of(address) == block) }

    @Test("a bucket is emptied by its caller alone and fills with time")
    func rates() {
        let now = Mutex(0.0)
        var bounds = Bounds()
        (bounds[.viewer].burst, bounds[.viewer].rate) = (3, 1)
        (bounds[.stranger].burst, bounds[.stranger].rate) = (1, 0.5)
        let limit = RateLimit(bounds, now: { now.withLock { $0 } })
        let (ada, bob) = (Self.user("ada"), Self.user("bob"))
        let nobody = Self.stranger("10.0.0.1")
        #expect((0..<4).map { _ in limit.admits(ada) } == [true, true, true, false])
        #expect(limit.admits(bob))
        #expect((0..<2).map { _ in limit.admits(nobody) } == [true, false])
        now.withLock { $0 = 1 }
        #expect((0..<2).map { _ in limit.admits(ada) } == [true, false])
        #expect(!limit.admits(nobody))
        now.withLock { $0 = 2 }
        #expect(limit.admits(nobody))
        #expect(!limit.admits(Self.stranger("::ffff:10.0.0.1")), "the same address in another notation")
    }

    @Test("strangers of a hundred thousand addresses keep nobody out who is known, and are remembered in bounds")
    func manyStrangers() {
        let now = Mutex(0.0)
        let limit = RateLimit(Bounds(), now: { now.withLock { $0 } })
        var admitted = 0
        for number in 0..<100_000
        where limit.admits(Self.stranger("10.\(number >> 16).\(number >> 8 & 255).\(number & 255)")) {
            admitted += 1
        }
        #expect(admitted == 10_060, "10,000 of their own, and one bucket for the rest")
        let known = [
            Self.user("vera"), Self.user("ada", .admin),
            Caller(name: "unix:0", origin: "unix", identity: .user(.admin)),
            Caller(name: "machine:1", origin: "10.0.0.1", identity: .machine(id: "1")),
        ]
        for caller in known { #expect(limit.admits(caller), "\(caller.name)") }
        now.withLock { $0 = 61 }
        #expect(limit.admits(Self.stranger("192.168.0.1")), "those who have gone are forgotten")
    }

    // MARK: Connections

    private final class Line: Sendable {
        let isOpen = Mutex(true)
    }

    /// Connections that note whether they were closed.
    private struct Lines {
        let book: ConnectionBook
        var lines: [Line] = []

        init(_ bounds: Bounds) { book = ConnectionBook(bounds) }

        @discardableResult
        mutating func open(from address: String?) -> Line {
            let line = Line()
            lines.append(line)
            book.enter(ObjectIdentifier(line), from: address) { line.isOpen.withLock { $0 = false } }
            return line
        }

        func identify(_ line: Line, _ caller: Caller) -> Bool { book.identify(ObjectIdentifier(line), as: caller) }
        var open: [Int] { lines.indices.filter { number in lines[number].isOpen.withLock { $0 } } }
    }

    private static var small: Bounds {
        var bounds = Bounds()
        (bounds[.stranger].connections, bounds[.stranger].allConnections) = (3, 5)
        (bounds[.viewer].connections, bounds[.viewer].allConnections) = (2, 3)
        return bounds
    }

    @Test("strangers beyond their number give way: the oldest of the address that has most")
    func oldestGivesWay() {
        var lines = Lines(Self.small)
        for _ in 0..<4 { lines.open(from: "10.0.0.1") }
        #expect(lines.open == [1, 2, 3], "one address")
        for address in ["10.0.0.2", "10.0.0.3"] { lines.open(from: address) }
        #expect(lines.open == [1, 2, 3, 4, 5])
        lines.open(from: "10.0.0.4")
        #expect(lines.open == [2, 3, 4, 5, 6], "all of them")
        #expect(lines.book.total == 5)
    }

    @Test("who shows himself leaves the strangers' share, has one of his own, and keeps nobody else from theirs")
    func identified() {
        var lines = Lines(Self.small)
        let mine = (0..<3).map { _ in lines.open(from: "10.0.0.1") }
        #expect(lines.identify(mine[0], Self.user("vera")) && lines.identify(mine[0], Self.user("vera")))
        #expect(lines.identify(mine[1], Self.user("vera")))
        #expect(!lines.identify(mine[2], Self.user("vera")), "his third")
        for number in 0..<50 { lines.open(from: "10.0.1.\(number)") }
        #expect(lines.open.prefix(2) == [0, 1] && lines.open.count == 7, "strangers put out strangers")
        #expect(lines.identify(lines.lines[52], Self.user("vic")))
        #expect(!lines.identify(lines.lines[51], Self.user("vida")), "all viewers have their number")
        #expect(lines.identify(lines.lines[51], Self.user("olaf", .operator)))
        let socket = lines.open(from: nil)
        #expect(lines.identify(socket, Caller(name: "unix:0", origin: "unix", identity: .user(.admin))))
        // Somebody who is revoked is a stranger again.
        #expect(lines.identify(mine[0], Self.stranger("10.0.0.1")))
        #expect(lines.book.total(of: .viewer) == 2)
        for line in lines.lines { lines.book.leave(ObjectIdentifier(line)) }
        #expect(lines.book.total == 0)
        #expect(CallerClass.allCases.allSatisfy { lines.book.total(of: $0) == 0 })
    }

    // MARK: Streams and bodies

    @Test("a caller has so many streams, a class so many, and what ends is given back")
    func shares() {
        let shares = Shares()
        var held = (0..<2).map { _ in shares.take(1, for: Self.user("vera"), most: 2, all: 3) }
        #expect(held.allSatisfy { $0 != nil })
        #expect(shares.take(1, for: Self.user("vera"), most: 2, all: 3) == nil)
        held.append(shares.take(1, for: Self.user("vic"), most: 2, all: 3))
        #expect(shares.take(1, for: Self.user("vida"), most: 2, all: 3) == nil, "the class")
        #expect(shares.take(1, for: Self.user("olaf", .operator), most: 2, all: 3) != nil, "another class")
        held = []
        #expect(shares.held(by: .viewer) == 0 && shares.held(by: .operator) == 0)
    }

    @Test("a stream too many is refused with the reason, others are served, and an end makes room")
    func streams() async throws {
        var limits = FleetAPIServer.Limits()
        limits.bounds[.socket].streams = 3
        try await withServer(MemoryCluster(), limits: limits) { endpoint async throws in
            let client = FleetClient(endpoint: endpoint)
            let path = "GET /fleet/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let streams = try (0..<3).map { _ in try RawConnection(endpoint) }
            for stream in streams {
                stream.send(path)
                #expect(await stream.read().hasPrefix("HTTP/1.1 200 "))
            }
            let error = await #expect(throws: APIError.self) { _ = try await client.events() }
            #expect(
                error?.status == 429 && error?.message.contains("as many streams") == true, "\(error?.message ?? "")")
            #expect(try await client.units().isEmpty)
            streams[0].end()
            var isServed = false
            while !isServed {
                let again = try RawConnection(endpoint)
                again.send(path)
                isServed = await again.read().hasPrefix("HTTP/1.1 200 ")
                again.end()
            }
            for stream in streams.dropFirst() { stream.end() }
        }
    }

    @Test("bodies of one class take the memory of that class alone, and give it back")
    func bodies() async throws {
        var limits = FleetAPIServer.Limits()
        limits.bounds[.socket].allBodies = 100_000
        let cluster = MemoryCluster()
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let half = try RawConnection(endpoint)
            half.send(
                "PUT /fleet/v1/units/a.service HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 99000\r\n\r\n\(String(repeating: " ", count: 80_000))")
            let body =
                #"{"desiredState":"loaded","options":[{"section":"Service","name":"ExecStart","value":"/bin/true"}],"x":"\#(String(repeating: "x", count: 30_000))"}"#
            var refused = false
            while !refused {
                let answer = try await Asker(at: endpoint)("PUT", "/fleet/v1/units/b.service", body: body)
                refused = answer.status == 503
            }
            half.end()
            var status = 503
            while status == 503 {
                status = try await Asker(at: endpoint)("PUT", "/fleet/v1/units/b.service", body: body).status
            }
            #expect(status == 201 || status == 204)
        }
    }

    @Test("who waits for memory gets it when it comes back, and not what he may never have or what others keep")
    func waiting() async throws {
        let shares = Shares()
        let (vera, vic) = (Self.user("vera"), Self.user("vic"))
        var held = shares.take(6, for: vera, most: 8, all: 10)
        #expect(await shares.take(9, for: vera, most: 8, all: 10, within: .seconds(3600)) == nil, "at once")
        #expect(await shares.take(5, for: vic, most: 8, all: 10, within: .milliseconds(1)) == nil, "the class")
        async let first = shares.take(8, for: vic, most: 8, all: 10, within: .seconds(100))
        async let second = shares.take(2, for: vera, most: 2, all: 10, within: .seconds(100))
        held?.shrink(to: 2)
        let given = await first
        #expect(given != nil)
        withExtendedLifetime(held) {}
        held = nil
        let late = await second
        #expect(late != nil)
        withExtendedLifetime(given) {}
    }

    @Test("an answer that is smaller than was taken for it gives back the rest, and a larger one needs more")
    func answers() async {
        var bounds = Bounds()
        (bounds[.viewer].answers, bounds[.viewer].allAnswers) = (10, 12)
        let shares = Shares()
        let memories = ["vera", "vera", "vic", "vera"].map { AnswerMemory(shares, Self.user($0), bounds[.viewer]) }
        #expect(await memories[0].reserve(10, within: .seconds(100)))
        #expect(await !memories[1].reserve(1, within: .milliseconds(1)))
        #expect(memories[0].settle(4, isAsked: true) && shares.held(by: .viewer) == 4)
        #expect(!memories[1].settle(7, isAsked: true) && shares.held(by: .viewer) == 4, "what is refused holds nothing")
        #expect(
            memories[1].settle(6, isAsked: true) && !memories[2].settle(3, isAsked: true)
                && memories[2].settle(2, isAsked: true))
        memories[0].end()
        #expect(await memories[3].reserve(1, within: .seconds(100)))
        #expect(
            memories[3].settle(100, isAsked: true) && shares.held(by: .viewer) == 9, "what was begun is not refused")
        // What tells of a change is given whatever others hold, and so is one that no wait would make room for.
        #expect(memories[2].settle(100, isAsked: false))
        for memory in memories { memory.end() }
        #expect(shares.held(by: .viewer) == 0)
        #expect(memories[0].settle(100, isAsked: true) && !memories[2].settle(1, isAsked: true))
        memories[0].end()
    }

    @Test(
        "who does not read his answers gets no more of them than there is memory for, and others of the class wait for him"
    )
    func unread() async throws {
        var limits = FleetAPIServer.Limits()
        limits.bounds[.socket].allAnswers = 5 << 20
        let cluster = MemoryCluster()
        let line = "Environment=A=\(String(repeating: "x", count: 1000))\n"
        let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n" + String(repeating: line, count: 900))
        _ = try await cluster.createUnit(UnitName(unchecked: "a.service"), file: file, target: .inactive)
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let path = "/fleet/v1/units/a.service"
            var idle: [RawConnection] = []
            var refusal: Answer?
            while refusal == nil, idle.count < 20 {
                let connection = try RawConnection(endpoint)
                connection.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                idle.append(connection)
                let answer = try await Asker(at: endpoint)("GET", path)
                if answer.status == 200 { #expect(answer.body.count > 900_000) } else { refusal = answer }
            }
            #expect(refusal?.status == 503 && refusal?.header("Retry-After") == "1")
            #expect(
                try await Asker(at: endpoint)("GET", "/fleet/v1/discovery").status == 200, "what is small is served")
            for connection in idle { connection.end() }
            var status = 503
            while status == 503 { status = try await Asker(at: endpoint)("GET", path).status }
            #expect(status == 200)
        }
    }

    @Test("the page on the API has the table of bounds")
    func documented() throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        let page = try String(contentsOfFile: "\(root)/docs/api/README.md", encoding: .utf8)
        func size(_ bytes: Int) -> String { bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB" }
        for group in CallerClass.allCases {
            let bound = Bounds()[group]
            let row =
                "| \(group.rawValue) | \(Int(bound.rate)), \(Int(bound.burst)) | \(bound.connections), \(bound.allConnections) "
                + "| \(bound.streams), \(bound.allStreams) | \(size(bound.body)), \(size(bound.allBodies)) "
                + "| \(size(bound.answers)), \(size(bound.allAnswers)) |"
            #expect(page.contains(row), "\(row)")
        }
    }
}
