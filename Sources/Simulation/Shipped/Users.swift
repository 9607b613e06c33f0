// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Timing

/// What users do, by the registry that ships: each operation is tried until etcd takes it.
final class Users: @unchecked Sendable {
    private unowned let world: World
    private let clockwork: WorldClockwork
    private let registry: ClusterRegistry
    /// How many operations were asked for.
    private var count = 0

    /// How long a step may take until its operation pauses, in seconds.
    private static let limit = 10

    init(world: World) {
        self.world = world
        clockwork = WorldClockwork(world: world, process: nil)
        registry = ClusterRegistry(store: UserStore(world), clockwork: clockwork)
    }

    /// Which one an operation is, by its name.
    static func number(of id: OperationID) -> Int? { Int(id.rawValue.dropFirst("user-".count)) }

    func perform(_ operation: UserOperation, _ text: String) {
        count += 1
        let number = count
        clockwork.spawn { [self] in
            for _ in 0..<40 where world.now < world.end {
                if await attempt(operation, number) { return world.note { "user: \(text)" } }
                try? await clockwork.sleep(for: .milliseconds(250))
            }
        }
    }

    /// - Returns: Whether nothing is left to do.
    private func attempt(_ operation: UserOperation, _ number: Int) async -> Bool {
        do throws(RegistryError) {
            switch operation {
            case .submit(let unit, let number, let target):
                let name = world.catalogue.units[unit]
                let file = world.catalogue.variants[unit][number].file
                if try await registry.unit(name) == nil {
                    try await registry.createUnit(name, file: file, target: target)
                } else {
                    try await registry.replaceUnit(name, file: file, target: target)
                }
            case .target(let unit, let target): try await registry.setTarget(world.catalogue.units[unit], target)
            case .restart(let unit):
                try await registry.requestRestart(world.catalogue.units[unit])
                // Some go on to move it, and some of those think better of it.
                guard number % 3 == 0 else { break }
                try await begin(.move(world.catalogue.units[unit], to: nil), number)
                if number % 2 == 0 { try await order(number) }
            case .destroy(let unit): try await registry.destroyUnit(world.catalogue.units[unit])
            case .metadata(let host, let role):
                _ = try await registry.changeMetadata(
                    of: world.catalogue.machines[host], [(key: "role", value: role ?? Host.role(host))])
            case .control(let host, let isDraining) where isDraining == true && number % 4 != 0:
                try await begin(.drain(world.catalogue.machines[host]), number)
                if number % 5 == 0 { try await order(number) }
            case .control(let host, let isDraining):
                let change: ControlChange = isDraining.map { $0 ? .drain : .cordon } ?? .uncordon
                _ = try await registry.control(
                    world.catalogue.machines[host], change, by: "ada", at: clockwork.wallMilliseconds)
            case .releaseBrake: _ = try await registry.releaseBrake()
            }
            return true
        } catch {
            return error.code == .notFound || error.code == .conflict
        }
    }

    private func begin(_ kind: OperationRecord.Kind, _ number: Int) async throws(RegistryError) {
        guard let id = OperationID("user-\(number)") else { return }
        _ = try await registry.create(
            OperationRecord(id: id, kind: kind, by: "ada", limit: Self.limit), at: clockwork.wallMilliseconds)
    }

    /// Says a second later what becomes of an operation that was begun.
    private func order(_ number: Int) async throws(RegistryError) {
        guard let id = OperationID("user-\(number)") else { return }
        try? await clockwork.sleep(for: .milliseconds(200 + number * 37 % 1500))
        let orders: [OperationOrder] = number % 4 == 0 ? [.abort] : [.pause, .resume]
        for order in orders { _ = try await registry.order(order, of: id, by: "ada", at: clockwork.wallMilliseconds) }
    }
}

/// etcd at the moment at which a user's own client has brought a request through.
private final class UserStore: KeyValueStore, @unchecked Sendable {
    private unowned let world: World

    init(_ world: World) { self.world = world }

    private static let unreachable = EtcdError(
        code: .unreachable, message: "etcd is down", isTransient: true, mayHaveHappened: false)

    private func content(_ request: StoreRequest) throws(EtcdError) -> StoreAnswer.Content {
        guard let content = world.etcd.perform(request) else { throw Self.unreachable }
        if case .refused(let error) = content { throw error }
        return content
    }

    func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        guard case .keys(let found) = try content(.read(selector, revision: revision)) else { throw Self.unreachable }
        return (found, world.etcd.store.revision)
    }

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        guard case .result(let result) = try content(.commit(transaction)) else { throw Self.unreachable }
        return result
    }

    // Users' operations need no more than these two.
    func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) { throw Self.unreachable }
    func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? { nil }
    func revoke(_ lease: LeaseID) async throws(EtcdError) {}
    func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error> {
        AsyncThrowingStream { $0.finish(throwing: Self.unreachable) }
    }
}
