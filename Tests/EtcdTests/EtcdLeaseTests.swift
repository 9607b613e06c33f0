// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

@Suite(.etcd, .timeLimit(.minutes(5)))
struct EtcdLeaseTests {
    @Test("keys go with their lease when nobody renews it, all in one revision")
    func expiry() async throws {
        let client = try SharedEtcd.client()
        // A busy host may let the three seconds pass before the keys are written: then once more.
        var lease = LeaseID.none
        var written: Int64 = 0
        while written == 0 {
            let granted = try await client.grantLease(ttl: 3)
            #expect(granted.ttl == 3)
            lease = granted.lease
            let puts = (0..<3).map { Operation.put(key: "expiry/\($0)", value: [], lease: granted.lease) }
            do {
                written = try await client.commit(Transaction(then: puts)).revision
            } catch {
                guard error.code == .leaseNotFound else { throw error }
            }
        }
        let batches = try await collect(client.watch(.prefix("expiry/"), from: written + 1)) {
            !($0.last?.events ?? []).isEmpty
        }
        let last = try #require(batches.last)
        let deletions = (0..<3).map { WatchEvent.delete(key: "expiry/\($0)", modRevision: last.revision) }
        #expect(Set(last.events) == Set(deletions))
        #expect(try await client.keepAlive(lease) == nil)
        #expect(try await client.timeToLive(lease) == nil)
    }

    @Test("a renewal tells when the store was last there, to every client of the same store, and so does a reading")
    func confirmation() async throws {
        let client = try SharedEtcd.client()
        let lease = try await client.grantLease(ttl: 600).lease
        let before = ContinuousClock.now
        #expect(try await client.keepAlive(lease) == 600)
        let renewed = try #require(client.lastConfirmation)
        #expect(renewed >= before && renewed <= ContinuousClock.now)
        let other = try EtcdClient(client.configuration, sameStoreAs: client)
        #expect(other.lastConfirmation == renewed)
        _ = try await other.get(.key("confirmation"), revision: 0)
        let read = try #require(client.lastConfirmation)
        #expect(read > renewed)
        try await client.revoke(lease)
    }

    @Test("renewing gives the full time again")
    func renewal() async throws {
        let client = try SharedEtcd.client()
        let (lease, ttl) = try await client.grantLease(ttl: 600)
        #expect(ttl == 600)
        #expect(try await client.keepAlive(lease) == 600)
        try await client.put("renewal", [1], lease: lease)
        #expect(try await client.get(.key("renewal"), revision: 0).keys.map(\.lease) == [lease])
        let left = try #require(try await client.timeToLive(lease))
        #expect(left.granted == 600)
        #expect((1...600).contains(left.remaining))
        try await client.revoke(lease)
    }

    @Test("ending a lease deletes its keys at once, and ending it again is no error")
    func revocation() async throws {
        let client = try SharedEtcd.client()
        let lease = try await client.grantLease(ttl: 600).lease
        try await client.put("revocation", [1], lease: lease)
        try await client.revoke(lease)
        #expect(try await client.get(.key("revocation"), revision: 0).keys.isEmpty)
        #expect(try await client.keepAlive(lease) == nil)
        try await client.revoke(lease)
    }

    @Test("a lease that never was cannot be renewed")
    func unknown() async throws {
        #expect(try await SharedEtcd.client().keepAlive(LeaseID(77)) == nil)
    }

    @Test("a server that cannot keep so short a lease says how long it is")
    func raised() async throws {
        var options = EtcdServer.Options()
        options.heartbeatMilliseconds = 200
        let server = try await EtcdServer.start(options)
        #expect(try await server.client(timeout: .seconds(30)).grantLease(ttl: 1).ttl == 3)
    }
}
