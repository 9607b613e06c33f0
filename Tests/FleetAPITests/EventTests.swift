// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import Testing

@Suite("Events", .timeLimit(.minutes(3)))
struct EventTests {
    private typealias Change = API.Event.Change

    private let cluster = MemoryCluster(
        Sample.unit("a.service", .launched) + Sample.unit("b.service")
            + [Sample.machine(Sample.machineA), Sample.assigned("a.service"), Sample.reported("a.service")])

    /// Reads events up to one that `isLast` accepts.
    private func read(
        _ events: inout AsyncThrowingStream<API.Event, any Error>.Iterator, upTo isLast: (API.Event) -> Bool
    ) async throws -> [API.Event] {
        var seen: [API.Event] = []
        while let event = try await events.next(isolation: #isolation) {
            seen.append(event)
            if isLast(event) { return seen }
        }
        return seen
    }

    private func names(_ events: [API.Event]) -> [String] {
        events.map { event in
            switch event.change {
            case .unit(let unit): "unit \(unit.name) \(unit.desiredState ?? "-") \(unit.currentState ?? "-")"
            case .unitRemoved(let name): "unit \(name) removed"
            case .state(let state): "state \(state.name) \(state.systemdActiveState)"
            case .stateRemoved(let name, _): "state \(name) removed"
            case .machine(let machine): "machine \(machine.primaryIP)"
            case .machineRemoved: "machine removed"
            case .sync: "sync"
            }
        }
    }

    @Test("a stream starts with sync, then tells every change with its revision", arguments: Reach.allCases)
    func changes(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            var events = try await ask.client().events().makeAsyncIterator()
            #expect(try await names(read(&events) { _ in true }) == ["sync"])
            let first = cluster.apply(Sample.unit("b.service", .launched))
            #expect(try await read(&events) { _ in true }.map(\.revision) == [first])
            cluster.apply([Sample.assigned("b.service")])
            cluster.apply([Sample.reported("b.service", .loaded, active: "inactive")])
            cluster.apply([Sample.reported("b.service")])
            cluster.apply([.machineGone(Sample.machineA), .unitGone(UnitName(unchecked: "b.service"))])
            // Changes that come fast may be merged; the last word on each entity is never lost.
            var awaited: Set = ["state b.service active", "machine removed", "unit b.service removed"]
            _ = try await read(&events) { event in
                awaited.subtract(names([event]))
                return awaited.isEmpty
            }
            #expect(awaited.isEmpty)
        }
    }

    @Test("each change is told when changes come one by one")
    func oneByOne() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            var events = try await ask.client().events().makeAsyncIterator()
            _ = try await read(&events) { _ in true }
            let steps: [([ClusterEvent], [String])] = [
                (Sample.unit("b.service", .launched), ["unit b.service launched inactive"]),
                ([Sample.assigned("b.service")], ["unit b.service launched inactive"]),
                (
                    [Sample.reported("b.service", .loaded, active: "inactive")],
                    ["state b.service inactive", "unit b.service launched loaded"]
                ),
                ([Sample.reported("b.service")], ["state b.service active", "unit b.service launched launched"]),
                ([Sample.reported("b.service", active: "failed")], ["state b.service failed"]),
                (
                    [.stateGone(Sample.machineA, UnitName(unchecked: "b.service"))],
                    ["state b.service removed", "unit b.service launched inactive"]
                ),
                ([Sample.machine(Sample.machineB, address: "10.0.0.9")], ["machine 10.0.0.9"]),
            ]
            for (changes, expected) in steps {
                let revision = cluster.apply(changes)
                var seen: [API.Event] = []
                while seen.count < expected.count, let event = try await events.next(isolation: #isolation) {
                    seen.append(event)
                }
                #expect(names(seen) == expected)
                #expect(seen.allSatisfy { $0.revision == revision })
            }
        }
    }

    @Test("a reason is an event, though nothing else about the unit has changed")
    func reason() async throws {
        let words = "failed: exit-code, status 3"
        var change = Sample.reported("a.service")
        if case .statePut(var state) = change {
            state.health = words
            change = .statePut(state)
        }
        try await withAPI(.inProcess, cluster) { ask async throws in
            var events = try await ask.client().events().makeAsyncIterator()
            _ = try await read(&events) { _ in true }
            cluster.apply([change])
            let seen = try await read(&events) { _ in true }
            var reasons: [String?] = []
            for event in seen { if case .state(let state) = event.change { reasons.append(state.health) } }
            #expect(reasons == [words])
        }
    }

    /// As when it fits nowhere else: until another machine takes it, it stays assigned to the one that was lost.
    @Test("a unit is on no machine once its machine is gone, and on it again when that is back")
    func lostMachine() async throws {
        let cluster = MemoryCluster(
            Sample.unit("a.service", .launched) + [Sample.machine(Sample.machineA), Sample.assigned("a.service")])
        try await withAPI(.inProcess, cluster) { ask async throws in
            let client = ask.client()
            var events = try await client.events().makeAsyncIterator()
            _ = try await read(&events) { _ in true }
            let steps: [(ClusterEvent, String?)] = [
                (.machineGone(Sample.machineA), nil), (Sample.machine(Sample.machineA), Sample.machineA.rawValue),
            ]
            for (change, home) in steps {
                cluster.apply([change])
                let seen = try await read(&events) { if case .unit = $0.change { true } else { false } }
                #expect(seen.count == 2)
                guard case .unit(let unit) = seen.last?.change else { continue }
                #expect(unit.machineID == home)
                #expect(try await client.unit("a.service").machineID == home)
            }
        }
    }

    @Test("what a client cannot see is no event")
    func invisible() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            var events = try await ask.client().events().makeAsyncIterator()
            _ = try await read(&events) { _ in true }
            cluster.apply([Sample.reported("a.service")])
            cluster.apply([.leaderPut(Leadership(machine: Sample.machineA, epoch: 3)), .leaderGone])
            cluster.apply(Sample.unit("z.service"))
            #expect(try await names(read(&events) { _ in true }) == ["unit z.service inactive inactive"])
        }
    }

    @Test("when the server had to read everything anew, all that differs is told")
    func gap() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            var events = try await ask.client().events().makeAsyncIterator()
            _ = try await read(&events) { _ in true }
            cluster.jump(
                [.unitGone(UnitName(unchecked: "a.service")), .machineGone(Sample.machineA)]
                    + [.stateGone(Sample.machineA, UnitName(unchecked: "a.service"))] + Sample.unit("c.service"))
            cluster.apply([Sample.machine(Sample.machineB, address: "10.0.0.2")])
            var seen: [API.Event] = []
            while seen.count < 5, let event = try await events.next(isolation: #isolation) { seen.append(event) }
            #expect(
                names(seen) == [
                    "unit a.service removed", "unit c.service inactive inactive", "state a.service removed",
                    "machine removed", "machine 10.0.0.2",
                ])
        }
    }

    @Test("a snapshot comes before sync", arguments: Reach.allCases)
    func snapshot(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            var events = try await ask.client().events(snapshot: true).makeAsyncIterator()
            let seen = try await read(&events) { $0.change == .sync }
            #expect(
                names(seen) == [
                    "unit a.service launched launched", "unit b.service inactive inactive", "state a.service active",
                    "machine 10.0.0.1", "sync",
                ])
        }
    }

    @Test("who names units hears of these alone", arguments: Reach.allCases)
    func filter(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            var events = try await ask.client().events(units: ["a.service", "n@1.service"], snapshot: true)
                .makeAsyncIterator()
            let before = try await read(&events) { $0.change == .sync }
            #expect(names(before) == ["unit a.service launched launched", "state a.service active", "sync"])
            cluster.apply(Sample.unit("b.service", .launched))
            cluster.apply([Sample.machine(Sample.machineB)])
            cluster.apply(Sample.unit("n@1.service", .loaded))
            #expect(try await names(read(&events) { _ in true }) == ["unit n@1.service loaded inactive"])
        }
    }

    @Test("a filter that is no unit name is refused", arguments: Reach.allCases)
    func badFilter(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let client = ask.client()
            let error = await #expect(throws: APIError.self) { _ = try await client.events(units: ["nonsense"]) }
            #expect(error?.status == 400)
        }
    }

    @Test("a write after sync is seen by who waits for it", arguments: Reach.allCases)
    func waiting(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let client = ask.client()
            var events = try await client.events(units: ["b.service"]).makeAsyncIterator()
            _ = try await read(&events) { $0.change == .sync }
            let revision = try #require(try await client.setTarget("b.service", to: .launched).revision)
            let seen = try await read(&events) { $0.revision >= revision }
            #expect(names(seen) == ["unit b.service launched inactive"])
        }
    }

    @Test("when following is broken off the client learns it", arguments: Reach.allCases)
    func brokenOff(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            var events = try await ask.client().events().makeAsyncIterator()
            _ = try await read(&events) { _ in true }
            cluster.breakWatches(TransportFailure(.broken, "compacted"))
            let error = await #expect(throws: APIError.self) { _ = try await events.next(isolation: #isolation) }
            #expect(error?.code == .connectionLost)
        }
    }

    @Test("a client that goes leaves nothing behind", arguments: Reach.allCases)
    func departure(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            do {
                var events = try await ask.client().events().makeAsyncIterator()
                _ = try await read(&events) { _ in true }
                #expect(cluster.watcherCount == 1)
            }
            try await eventually({ cluster.watcherCount == 0 }, "the server still follows for a client that is gone")
        }
    }

    @Test("silence is broken by comments")
    func keepAlive() async throws {
        let service = APIService(access: cluster, version: "9.9", keepAlive: .milliseconds(1))
        let transport = DirectTransport(service: service)
        let stream = try await transport.stream(
            TransportRequest(method: "GET", target: "/fleet/v1/events", deadline: .seconds(60)))
        #expect(stream.status == 200)
        var parts = stream.body.makeAsyncIterator()
        let comment = Array(": keep-alive\n\n".utf8)
        // On a busy host a comment may come before the state has been taken in.
        var first = try await parts.next(isolation: #isolation)
        while first == comment { first = try await parts.next(isolation: #isolation) }
        #expect(first.map { String(decoding: $0, as: UTF8.self) }?.hasPrefix("event: sync\nid: ") == true)
        #expect(try await parts.next(isolation: #isolation) == comment)
    }
}
