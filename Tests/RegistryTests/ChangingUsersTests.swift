// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Synchronization
import TestSupport
import Testing

/// Users come and go in etcd while machines hold sessions and one of them leads: with tokens that carry the state of etcd's users
/// each such change makes all of them too old.
@Suite("etcd's users change while a cluster works", .timeLimit(.minutes(5)))
struct ChangingUsersTests {
    /// An administrator's client, and that of a machine, of an etcd that asks for logins.
    private func clients(_ server: EtcdServer, _ cluster: ClusterName) async throws -> (
        root: EtcdClient, machine: EtcdClient
    ) {
        func client(_ user: String) throws -> EtcdClient {
            var configuration = server.configuration(timeout: .seconds(60))
            (configuration.user, configuration.password) = (user, "secret")
            return try EtcdClient(configuration)
        }
        let root = try client("root")
        try await root.addUser("root", password: "secret")
        try await root.addRole("root")
        try await root.grantRole("root", to: "root")
        try await root.addRole("machine")
        try await root.grant(EtcdPermission(.readWrite, .prefix("/flotilla/\(cluster)/")), to: "machine")
        try await root.addUser("machine", password: "secret")
        try await root.grantRole("machine", to: "machine")
        try await root.enableAuth()
        return (root, try client("machine"))
    }

    @Test(
        "sessions are renewed, plans are written, the lead goes on and is given back: nothing is lost",
        arguments: EtcdVariety.all)
    func nothingLost(variety: EtcdVariety) async throws {
        let server = try await EtcdServer.start(variety.options())
        let cluster = try TestStore.randomCluster()
        let (root, client) = try await clients(server, cluster)
        let registry = ClusterRegistry(store: client, cluster: cluster)
        let lease = try await client.grantLease(ttl: 600).lease
        let leadership = try #require(try await registry.campaign(machine: Sample.a, lease: lease))
        let isOver = Mutex(false)
        // One after the other; some of them come between any two of the machine's requests.
        async let changes: Void = {
            defer { isOver.withLock { $0 = true } }
            for number in 0..<30 { try await root.addUser("user-\(number)", password: "secret") }
        }()
        var places: [UnitName: MachineID] = [:]
        var number = 0
        while !isOver.withLock({ $0 }) || number < 60 {
            // Refused if one before it was lost, or if it were done twice.
            let unit = Sample.unit(number % 20)
            let place = places[unit] == Sample.a ? Sample.b : Sample.a
            let former = places[unit].map { [ScheduleStep.Change.withdraw($0, unit)] } ?? []
            let step = ScheduleStep(
                unit: unit, changes: former + [.assign(Sample.assignment(place, unit))], reason: "a test")
            let outcome = try await registry.commit([step], as: leadership)
            #expect(!outcome.isDeposed && outcome.staleSteps.isEmpty, "step \(number)")
            places[unit] = place
            if number % 10 == 0 { #expect(try await client.keepAlive(lease) == 600) }
            number += 1
        }
        try await changes
        let stored = try await client.get(registry.keys.schedule, revision: 0).keys.map(\.key)
        #expect(Set(stored) == Set(places.map { registry.keys.assignment($0.value, $0.key) }))
        try await root.addUser("last", password: "secret")
        try await registry.resign(leadership)
        #expect(try await registry.currentLeader() == nil)
    }
}
