// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct TurnTests {
    @Test("one machine has the turn, whoever asks first, until its lease has ended", arguments: StoreKind.allCases)
    func turn(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let machines = try (1...8).map { try #require(MachineID(String(repeating: "\($0)", count: 32))) }
        let takers = try await withThrowingTaskGroup(of: MachineID?.self) { group in
            for machine in machines {
                group.addTask { try await registry.takeTurn(of: machine, seconds: 600) == nil ? nil : machine }
            }
            return try await group.reduce(into: [MachineID]()) { takers, taker in
                if let taker { takers.append(taker) }
            }
        }
        let taker = try #require(takers.first)
        #expect(takers.count == 1)
        let found = try await test.store.get(.key(registry.keys.turn), revision: 0)
        let key = try #require(found.keys.first)
        #expect(String(decoding: key.value, as: UTF8.self) == taker.rawValue)
        // Whoever asks while another has it leaves no trace.
        #expect(try await registry.takeTurn(of: machines[0], seconds: 600) == nil)
        #expect(try await test.store.get(.key(registry.keys.turn), revision: 0).keys == found.keys)
        try await test.expire(key.lease)
        let turn = try #require(try await registry.takeTurn(of: machines[0], seconds: 600))
        await registry.giveTurnBack(turn)
        #expect(
            try await registry.takeTurn(of: machines[1], seconds: 600) != nil, "what was given back is free at once")
    }
}
