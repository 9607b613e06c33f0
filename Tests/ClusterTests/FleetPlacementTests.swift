// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

extension ClusterTests {
    /// fleet's scenarios of units that want a certain machine.
    @Suite("fleet's scenarios: where units go") struct FleetPlacementTests {
        @Test("three pairs of units share a machine, and move together when it is lost")
        func machineOf() async throws {
            let cluster = try Cluster.shared
            let pairs = (1...3).map { ("ping@\($0).service", "pong@\($0).service") }
            // Followers first: they wait for whom they follow.
            try await cluster.give("start", pairs.map { .sleeper($0.1, "MachineOf=\($0.0)") })
            try await cluster.give("start", pairs.map { .sleeper($0.0, "Conflicts=ping@*.service") })
            let names = pairs.flatMap { [$0.0, $0.1] }
            let before = try await cluster.running(names)
            for (ping, pong) in pairs { #expect(before[ping]?.machine == before[pong]?.machine) }
            let lost = try #require(before["ping@1.service"]).machine
            try await cluster.control("halt", lost)
            let survivors = Set(try await cluster.machines().map(\.name)).subtracting([lost])
            let after = try await cluster.running(names, on: survivors)
            for (ping, pong) in pairs { #expect(after[ping]?.machine == after[pong]?.machine) }
            try await cluster.expectUntouched(before, except: [lost])
            try await cluster.control("boot", lost)
            try await cluster.expectUntouched(after)
        }

        @Test("a unit runs on the machine that it names, by full or short id, or nowhere")
        func machineID() async throws {
            let cluster = try Cluster.shared
            let id = try await cluster.inside("worker-3", "cat /etc/machine-id").joined()
            try await cluster.give(
                "start",
                [
                    .sleeper("full.service", "MachineID=\(id)"), .sleeper("short.service", "MachineID=\(id.prefix(8))"),
                    .sleeper("lost.service", "MachineID=\(String(repeating: "0", count: 32))"),
                ])
            try await cluster.running(["full.service", "short.service"], on: ["worker-3"])
            try await until("the third says why it waits") {
                try await cluster.reason("lost.service").contains("MachineID refuses \(Cluster.size)")
            }
        }

        @Test("instances of a template go where their metadata points, which names the instance")
        func specifiers() async throws {
            let cluster = try Cluster.shared
            try await cluster.withMetadata(["worker-1": ["pool": "red"], "worker-2": ["pool": "blue"]]) {
                try await cluster.give("submit", [.sleeper("paint@.service", "MachineMetadata=pool=%i")])
                try await cluster.manage(
                    "start", "--no-block", "paint@red.service", "paint@blue.service", "paint@green.service")
                try await cluster.running(["paint@red.service"], on: ["worker-1"])
                try await cluster.running(["paint@blue.service"], on: ["worker-2"])
                try await until("the impossible one says why it waits") {
                    try await cluster.reason("paint@green.service").contains("MachineMetadata refuses \(Cluster.size)")
                }
                try await cluster.manage("destroy", "paint@.service")
            }
        }

        @Test("units and global units follow metadata that is changed at run time; the machine list shows it")
        func metadata() async throws {
            let cluster = try Cluster.shared
            func everywhere() async throws -> [String]? {
                try await cluster.places(["scout.service"])["scout.service"]
            }
            try await cluster.withMetadata(["worker-1": ["disk": "ssd", "zone": "a"], "worker-2": ["zone": "a"]]) {
                try await cluster.give(
                    "start",
                    [
                        .sleeper("fast.service", "MachineMetadata=disk=ssd"),
                        .sleeper("scout.service", "Global=true", "MachineMetadata=zone=a"),
                    ])
                try await until("fast runs on the first") {
                    try await cluster.places(["fast.service"]) == ["fast.service": ["worker-1"]]
                }
                let first = try await cluster.sightings(of: ["fast.service"]).filter { $0.active == "active" }
                try await until("scout runs on both") { try await everywhere() == ["worker-1", "worker-2"] }
                let listed = try await cluster.manage("list-machines", "--no-legend", "--fields", "metadata")
                #expect(listed.sorted() == ["-", "-", "-", "disk=ssd,zone=a", "zone=a"])

                // A second machine that fits moves nothing; the loss of the first one's label does.
                try await cluster.patch("worker-3", "disk", "ssd")
                try await cluster.patch("worker-3", "zone", "a")
                try await until("scout runs on the third") { try await everywhere()?.count == 3 }
                let second = try await cluster.sightings(of: ["fast.service"]).filter { $0.active == "active" }
                #expect(second.map(\.identity) == first.map(\.identity))
                try await cluster.patch("worker-1", "disk", "hdd")
                try await until("fast moves to the third") {
                    try await cluster.places(["fast.service"]) == ["fast.service": ["worker-3"]]
                }
                try await cluster.patch("worker-1", "zone", nil)
                try await until("scout is gone from the first") {
                    try await everywhere() == ["worker-2", "worker-3"]
                }
                try await until("two machines report it") {
                    try await cluster.api("GET", "state?unitName=scout.service").body
                        .split(separator: "machineID").count == 3
                }
                try await cluster.manage("destroy", "fast.service", "scout.service")
            }
        }

        @Test("a unit that waits because of conflicts goes to a machine that joins, and no other moves")
        func joining() async throws {
            let cluster = try Cluster.shared
            let names = (1...5).map { "loner@\($0).service" }
            try await cluster.give("start", names.map { .sleeper($0, "Conflicts=loner@*.service") })
            let all = try await cluster.running(names)
            let waiting = try #require(names.first { all[$0]?.machine == "worker-5" })
            let before = all.filter { $0.key != waiting }
            try await cluster.control("halt", "worker-5")
            // It is assigned to the lost machine for as long as no other can take it, and must not count as being there.
            try await until("the fifth says why it waits") {
                try await cluster.reason(waiting).contains("Conflicts refuses 4")
            }
            #expect(try await cluster.manage("--status").contains("Units waiting for a machine:"))
            try await cluster.control("boot", "worker-5")
            try await cluster.running([waiting], on: ["worker-5"])
            try await cluster.expectUntouched(before)
        }

        @Test("an agent that is stopped leaves at once, and its units run elsewhere")
        func cleanStop() async throws {
            let cluster = try Cluster.shared
            let units = (1...5).map { Cluster.Unit.sleeper("shift@\($0).service") }
            try await cluster.give("start", units)
            let before = try await cluster.running(units.map(\.name))
            let machine = try #require(before["shift@1.service"]).machine
            let record = try await cluster.inside(machine, "cat /etc/machine-id").joined()
            // What is kept after the stop returns would be kept until the session's end.
            try await cluster.inside(machine, "systemctl stop node-agent.service")
            #expect(try await !cluster.storeKeys("machines/").contains(record))
            #expect(try await cluster.storeKeys("states/\(record)/").isEmpty)
            #expect(try await cluster.processes().values.allSatisfy { !$0.contains(machine) })
            let after = try await cluster.running(units.map(\.name))
            #expect(after.values.allSatisfy { $0.machine != machine })
            try await cluster.expectUntouched(before, except: [machine])
            try await cluster.inside(machine, "systemctl start node-agent.service")
        }

        @Test("a machine that reboots moves exactly its own units")
        func reboot() async throws {
            let cluster = try Cluster.shared
            let units = (1...5).map { Cluster.Unit.sleeper("watch@\($0).service") }
            try await cluster.give("start", units)
            let before = try await cluster.running(units.map(\.name))
            let machine = try #require(before["watch@1.service"]).machine
            try await cluster.control("shutdown", machine)
            let after = try await cluster.running(units.map(\.name))
            #expect(after.values.allSatisfy { $0.machine != machine })
            try await cluster.control("boot", machine)
            try await cluster.expectUntouched(before, except: [machine])
            try await cluster.expectUntouched(after)
        }
    }
}
