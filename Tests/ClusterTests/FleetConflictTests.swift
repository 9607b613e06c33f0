// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

extension ClusterTests {
    /// fleet's scenarios of units that keep away from one another.
    @Suite("fleet's scenarios: conflicts and replaces") struct FleetConflictTests {
        private static let three = [
            "worker-1": ["pool": "three"], "worker-2": ["pool": "three"], "worker-3": ["pool": "three"],
        ]

        /// Waits until so many of the units run, each on a machine of its own, and the others wait because of `rule`.
        private func settled(_ cluster: Cluster, _ units: [String], running count: Int, rule: String) async throws {
            try await until("\(count) of \(units) run and the others wait for \(rule)") {
                let places = try await cluster.places(units)
                guard places.count == count, Set(places.values.joined()).count == count else { return false }
                for unit in units where places[unit] == nil {
                    guard try await cluster.reason(unit).contains("\(rule) refuses") else { return false }
                }
                return true
            }
        }

        @Test(
            "of five units that all conflict, exactly three run on three machines",
            arguments: [
                ["Conflicts=rival@*.service"],
                ["Conflicts=nobody.service", "Conflicts=rival@*.service"],
                ["Conflicts=nobody.service rival@*.service"],
            ])
        func mutual(options: [String]) async throws {
            let cluster = try Cluster.shared
            try await cluster.withMetadata(Self.three) {
                let names = (1...5).map { "rival@\($0).service" }
                let lines = Cluster.sleeper + "\n[X-Fleet]\nMachineMetadata=pool=three\n"
                let text = lines + options.map { $0 + "\n" }.joined()
                try await cluster.give("start", names.map { Cluster.Unit($0, text) })
                try await settled(cluster, names, running: 3, rule: "Conflicts")
                // One that goes makes room for one that waits, and the two others stay.
                let before = try await cluster.places(names)
                let gone = try #require(before.keys.sorted().first)
                try await cluster.manage("destroy", gone)
                let rest = names.filter { $0 != gone }
                try await settled(cluster, rest, running: 3, rule: "Conflicts")
                let after = try await cluster.places(rest)
                for (name, places) in before where name != gone { #expect(after[name] == places) }
            }
        }

        @Test("a conflict that one side alone declares keeps both apart, until the other is destroyed")
        func oneWay() async throws {
            let cluster = try Cluster.shared
            try await cluster.withMetadata(["worker-1": ["pool": "one"]]) {
                let hermit = Cluster.Unit.sleeper("hermit.service", "MachineMetadata=pool=one", "Conflicts=guest*")
                try await cluster.give("start", [hermit])
                try await cluster.running(["hermit.service"], on: ["worker-1"])
                try await cluster.give("start", [.sleeper("guest.service", "MachineMetadata=pool=one")])
                try await settled(cluster, ["guest.service", "hermit.service"], running: 1, rule: "Conflicts")
                try await cluster.manage("destroy", "hermit.service")
                try await cluster.running(["guest.service"], on: ["worker-1"])
                // The other way round: who declares the conflict comes second.
                try await cluster.give("start", [hermit])
                try await settled(cluster, ["guest.service", "hermit.service"], running: 1, rule: "Conflicts")
                #expect(try await cluster.places(["guest.service"]) == ["guest.service": ["worker-1"]])
            }
        }

        @Test("a global unit that conflicts with another one runs nowhere while that one runs everywhere")
        func global() async throws {
            let cluster = try Cluster.shared
            let first = Cluster.Unit.sleeper("first.service", "Global=true")
            let second = Cluster.Unit.sleeper("second.service", "Global=true", "Conflicts=first.service")
            try await cluster.give("start", [first])
            try await until("the first runs everywhere") {
                try await cluster.places(["first.service"])["first.service"]?.count == Cluster.size
            }
            try await cluster.give("start", [second])
            // A unit that is placed after the second was looked at proves that it was looked at.
            try await cluster.start("witness.service", on: "worker-1")
            #expect(try await cluster.sightings(of: ["second.service"]).isEmpty)
            try await cluster.manage("destroy", "first.service")
            try await until("the second takes its place everywhere") {
                try await cluster.places(["second.service"])["second.service"]?.count == Cluster.size
            }
        }

        @Test("a unit that replaces another takes its machine, and the other moves")
        func replaces() async throws {
            let cluster = try Cluster.shared
            try await cluster.withMetadata(["worker-1": ["pool": "two"], "worker-2": ["pool": "two"]]) {
                try await cluster.give("start", [.sleeper("victim.service", "MachineMetadata=pool=two")])
                let before = try #require(try await cluster.running(["victim.service"])["victim.service"])
                let other = before.machine == "worker-1" ? "worker-2" : "worker-1"
                // The other machine is the fuller one, so the kicker goes where the victim is.
                try await cluster.start("ballast@1.service", on: other)
                try await cluster.start("ballast@2.service", on: other)
                try await cluster.give(
                    "start", [.sleeper("kicker.service", "MachineMetadata=pool=two", "Replaces=victim.service")])
                let kicker = try #require(
                    try await cluster.running(["kicker.service"], on: [before.machine])["kicker.service"])
                try await cluster.running(["victim.service"], on: [other])
                let after = try #require(try await cluster.running(["kicker.service"])["kicker.service"])
                #expect(after.identity == kicker.identity)
            }
        }

        @Test("units that replace each other leave each other alone")
        func circular() async throws {
            let cluster = try Cluster.shared
            try await cluster.withMetadata(["worker-4": ["pool": "one"]]) {
                try await cluster.give(
                    "start",
                    [
                        .sleeper("north.service", "MachineMetadata=pool=one", "Replaces=south.service"),
                        .sleeper("south.service", "MachineMetadata=pool=one", "Replaces=north.service"),
                    ])
                let before = try await cluster.running(["north.service", "south.service"], on: ["worker-4"])
                try await cluster.start("witness.service", on: "worker-4")
                try await cluster.expectUntouched(before)
            }
        }
    }
}
