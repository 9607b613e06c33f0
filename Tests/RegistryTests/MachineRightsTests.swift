// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

/// What a gate lets through for a machine, without an etcd.
struct MachineRightsTests {
    private static let keys = RegistryKeys(cluster: .default)

    @Test("each operation of a transaction is looked at, in both branches, and so is each comparison")
    func transactions() {
        let own = Self.keys.state(Sample.a, Sample.web)
        let foreign = Self.keys.state(Sample.b, Sample.web)
        func refusal(_ transaction: Transaction) -> String? {
            Self.keys.refusal(of: .transaction(transaction), by: Sample.a)
        }
        let good = Transaction(
            if: [.absent(own), .present(Self.keys.assignment(Sample.a, Sample.web))],
            then: [.put(own, [1]), .get(.key(Self.keys.leader))], otherwise: [.delete(Self.keys.states(of: Sample.a))])
        #expect(refusal(good) == nil)
        for bad: Operation in [.put(foreign, [1]), .delete(.key(foreign)), .get(.key(foreign))] {
            for changed in [
                Transaction(if: good.comparisons, then: good.then + [bad], otherwise: good.otherwise),
                Transaction(if: good.comparisons, then: good.then, otherwise: good.otherwise + [bad]),
            ] {
                let words = refusal(changed)
                #expect(words?.hasPrefix("permission denied: machine aaaaaaaa may not ") == true, "\(words ?? "")")
                #expect(words?.contains(foreign) == true)
            }
        }
        #expect(refusal(Transaction(if: [.present(foreign)], then: [])) != nil)
        // etcd makes the whole answer of each run.
        let run = Operation.get(Self.keys.results)
        #expect(refusal(Transaction(then: [run], otherwise: [run])) == nil)
        #expect(refusal(Transaction(then: [run, run]))?.contains("one run of keys") == true)
        #expect(refusal(Transaction(then: [], otherwise: [run, .get(Self.keys.files)]))?.contains("one run") == true)
        // What may be read may not be written for that.
        #expect(refusal(Transaction(then: [.put(Self.keys.assignment(Sample.a, Sample.web), [1])])) != nil)
        for (size, isTaken) in [(recordSizeLimit, true), (recordSizeLimit + 1, false)] {
            let value = [UInt8](repeating: 0, count: size)
            #expect((refusal(Transaction(then: [.put(own, value)])) == nil) == isTaken)
        }
    }

    @Test("a machine writes the results of units that are assigned to it while they are, and deletes none")
    func results() {
        let (own, other) = (Self.keys.assignment(Sample.a, Sample.web), Self.keys.assignment(Sample.b, Sample.web))
        let result = Self.keys.result(Sample.web)
        let stands = Comparison(own, .equal, .modRevision(7))
        func isTaken(_ comparisons: [Comparison], _ operation: Operation) -> Bool {
            let request = StoreRequest.transaction(Transaction(if: comparisons, then: [operation]))
            return Self.keys.refusal(of: request, by: Sample.a) == nil
        }
        #expect(isTaken([.present(Self.keys.machine(Sample.a)), stands], .put(result, [1])))
        for comparison in [
            Comparison(other, .equal, .modRevision(7)), Comparison(own, .equal, .modRevision(0)), .absent(own),
            Comparison(own, .notEqual, .modRevision(7)), Comparison(own, .less, .modRevision(7)),
            Comparison(Self.keys.assignment(Sample.a, Sample.db), .equal, .modRevision(7)),
            Comparison(Self.keys.machine(Sample.a), .equal, .modRevision(7)),
        ] { #expect(!isTaken([comparison], .put(result, [1])), "\(comparison)") }
        #expect(!isTaken([], .put(result, [1])))
        #expect(!isTaken([stands], .put(Self.keys.result(Sample.db), [1])))
        #expect(!isTaken([stands], .put(key: result, value: [1], lease: LeaseID(7))), "it outlives every session")
        for keys: KeySelector in [.key(result), Self.keys.results, .prefix(result)] {
            #expect(!isTaken([stands], .delete(keys)), "\(keys)")
        }
        let otherwise = Transaction(if: [stands], then: [], otherwise: [.put(result, [1])])
        #expect(Self.keys.refusal(of: .transaction(otherwise), by: Sample.a) != nil)
    }

    @Test("a lease is a machine's when all that hangs on it is")
    func hanging() throws {
        let (record, foreign) = (Self.keys.machine(Sample.a), Self.keys.machine(Sample.b))
        for (found, isOwn) in [
            ([], true), ([record, Self.keys.state(Sample.a, Sample.web), Self.keys.turn], true),
            ([record, foreign], false), ([foreign], false), ([Self.keys.leader], false), (["elsewhere"], false),
        ] as [([String], Bool)] { #expect(Self.keys.mayWrite(found, by: Sample.a) == isOwn, "\(found)") }
    }

    @Test("a run of keys is read and watched only when all of it may be read")
    func runs() {
        for (keys, isTaken) in [
            (Self.keys.files, true), (.key(Self.keys.machine(Sample.b)), true), (Self.keys.states(of: Sample.a), true),
            (Self.keys.states(of: Sample.b), false), (Self.keys.everything, false), (.prefix(""), false),
            (.range(Self.keys.machine(Sample.a), before: Self.keys.prefix + "z"), false),
        ] as [(KeySelector, Bool)] {
            let read = StoreRequest.range(keys, limit: 0, revision: 0, keysOnly: false)
            let watch = StoreRequest.watch(keys, from: 1, inFragments: false)
            for request in [read, watch] {
                #expect((Self.keys.refusal(of: request, by: Sample.a) == nil) == isTaken, "\(request)")
            }
        }
        #expect(Self.keys.refusal(of: .status, by: Sample.a) == nil)
        for (ttl, isTaken) in [(0, false), (-1, false), (1, true), (MachineLease.longest, true)] as [(Int64, Bool)] {
            #expect((Self.keys.refusal(of: .grant(ttl: ttl, id: .none), by: Sample.a) == nil) == isTaken)
        }
    }

    @Test(
        "what an answer may become is known before: a record has its size, a file and a run of keys are as long as they like"
    )
    func rooms() {
        let (own, largest) = (KeySelector.key(Self.keys.machine(Sample.a)), 8 << 20)
        func room(_ request: StoreRequest) -> Int { Self.keys.room(for: request, largest: largest) }
        func range(_ keys: KeySelector) -> StoreRequest { .range(keys, limit: 1, revision: 0, keysOnly: true) }
        let one = room(range(own))
        #expect(one > recordSizeLimit && one < largest / 10)
        for keys in [
            Self.keys.files, Self.keys.machines, .prefix(Self.keys.prefix + "files/1"),
            .key(Self.keys.prefix + "files/1"),
        ] {
            #expect(room(range(keys)) == largest, "\(keys)")
        }
        let two = Transaction(then: [.get(own)], otherwise: [.get(own), .get(own), .delete(own)])
        #expect(room(.transaction(two)) == 2 * one)
        let many = Transaction(then: Array(repeating: .get(own), count: Transaction.operationLimit))
        #expect(room(.transaction(many)) == largest)
        #expect(
            room(.transaction(Transaction(then: [.put(Self.keys.turn, [1])]))) == 0 && room(.keepAlive(LeaseID(1))) == 0
        )
    }

    @Test("a lease's number says whose it is, and is one that etcd takes")
    func leases() {
        for chance: UInt64 in [0, 1, 7, 1 << 32, .max, .max << 32, 0x8000_0000] {
            let front = MachineLease.front(of: Sample.a)
            let lease = MachineLease.number(front, chance: chance)
            #expect(lease == MachineLease.number(front, chance: chance), "it has no chance of its own")
            #expect(lease.rawValue > 0)
            #expect(MachineLease.has(lease, front) && !MachineLease.has(lease, MachineLease.front(of: Sample.b)))
        }
        for front in [MachineLease.front(of: Sample.a), MachineLease.fronts.lowerBound, MachineLease.fronts.upperBound]
        {
            #expect(MachineLease.number(front, chance: .max).rawValue > 0)
            #expect(!MachineLease.has(.none, front) && !MachineLease.has(LeaseID(-1), front))
        }
    }

    @Test("a machine's record keeps the front half of its leases, and one that no lease can have counts as none")
    func fronts() throws {
        var identity = MachineIdentity(id: Sample.a, name: "a", roles: ["agent"], joinedAt: 5)
        #expect(try MachineIdentity(bytes: identity.bytes).leaseFront == nil)
        let bytes = identity.bytes
        for (front, isOne) in [(1, true), (0x7FFF_FFFF, true), (0, false), (0x8000_0000, false)] as [(UInt32, Bool)] {
            identity.leaseFront = front
            #expect(try MachineIdentity(bytes: identity.bytes).leaseFront == (isOne ? front : nil))
        }
        identity.leaseFront = nil
        #expect(identity.bytes == bytes, "as versions before this one write it")
        #expect(MachineLease.fronts.contains(MachineLease.freeFront(among: [identity])))
    }
}
