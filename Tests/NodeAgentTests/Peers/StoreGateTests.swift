// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPIServer
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Registry
import Synchronization
import TestSupport
import Testing

@testable import Agent
@testable import NodeAgent

/// A worker without a login of its own, at the gate before a real etcd with logins.
@Suite("The gate before the store", .timeLimit(.minutes(5)))
struct StoreGateTests {
    private static let web = UnitName(unchecked: "web.service")
    private static let keys = RegistryKeys(cluster: .default)

    /// Runs `body` with a gate that logs in as a manager does, and with all rights beside it.
    private func withGate(
        _ limits: FleetAPIServer.Limits = FleetAPIServer.Limits(),
        _ body: (GateRig, ClusterRegistry) async throws -> Void
    ) async throws {
        let server = try await EtcdServer.start()
        let access = try StoreAccess(
            server.configuration(timeout: .seconds(30)), rootPassword: "r", cluster: .default)
        try await access.prepare()
        let manager = try required(MachineID(String(repeating: "f", count: 32)))
        let login = try await access.admit(manager, isManager: true)
        var etcd = server.configuration(timeout: .seconds(30))
        (etcd.user, etcd.password) = (login.user, login.password)
        let all = ClusterRegistry(store: access.etcd, firstPause: .milliseconds(1))
        try await GateRig.serve(before: etcd, limits: limits) { rig async throws in try await body(rig, all) }
    }

    private func record(_ machine: MachineID) -> MachineRecord {
        MachineRecord(id: machine, name: "m", address: "10.0.0.1", token: "t")
    }

    /// Registers a machine under a lease that `registry` has granted.
    private func enter(_ registry: ClusterRegistry, _ machine: MachineID) async throws -> Tenure {
        let (lease, _) = try await registry.store.grantLease(ttl: 600)
        guard case .registered(let revision) = try await registry.register(record(machine), lease: lease) else {
            throw NeverCame(description: "machine \(machine) is not registered")
        }
        return Tenure(machine: machine, lease: lease, recordRevision: revision)
    }

    @Test("a worker does all its work through it: session, orders, files, states, results, turn, and who is there")
    func work() async throws {
        try await withGate { rig, all async throws in
            let registry = try rig.registry()
            let tenure = try await enter(registry, GateRig.worker)
            #expect(MachineLease.has(tenure.lease, MachineLease.front(of: GateRig.worker)))
            #expect(!MachineLease.has(tenure.lease, MachineLease.front(of: GateRig.other)))
            #expect(try await registry.store.keepAlive(tenure.lease) == 600)
            #expect(try await all.machines().map(\.id) == [GateRig.worker])

            let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n")
            try await all.createUnit(Self.web, file: file, target: .launched)
            var updates = registry.followMachine(GateRig.worker).makeAsyncIterator()
            guard case .snapshot(let none, _, _)? = try await updates.next() else {
                throw NeverCame(description: "no orders")
            }
            #expect(none.isEmpty)
            let order = Assignment(machine: GateRig.worker, unit: Self.web, hash: file.hash, target: .launched)
            let revision = try await all.store.commit(
                Transaction(then: [.put(Self.keys.assignment(GateRig.worker, Self.web), TargetEntry(order).bytes)])
            ).revision
            let assignment = StoredAssignment(order, modRevision: revision)
            while let update = try await updates.next() {
                if case .changes(let changes, _, _) = update, changes == [.put(assignment)] { break }
            }
            #expect(try await registry.files([file.hash]).files[file.hash] == file)

            let state = Self.keys.state(GateRig.worker, Self.web)
            let written = try await registry.store.commit(
                Transaction(
                    if: [.absent(state)], then: [.put(key: state, value: [1], lease: tenure.lease), .get(.key(state))],
                    otherwise: [.get(Self.keys.states(of: GateRig.worker))]))
            #expect(written.succeeded && written.outcomes.count == 2)
            let ended = Completion(
                unit: Self.web, machine: GateRig.worker, hash: file.hash, restarts: 0, isSuccess: true, moment: 9)
            let stale = try await registry.record([CompletionReport(ended, revision: revision + 1)], in: tenure)
            #expect(stale == [Self.web])
            #expect(try await registry.record([CompletionReport(ended, revision: revision)], in: tenure).isEmpty)
            #expect(try await all.completions(of: [Self.web]).completions.map(\.machine) == [GateRig.worker])
            #expect(try await registry.takeTurn(of: GateRig.worker, seconds: 5) != nil)
            #expect(try await registry.newestRevision() > revision)
            #expect(rig.server.notebook.acts.withLock { $0.isEmpty }, "none of it is an operator's act")
            #expect(try await registry.makeMark() == nil, "a worker makes none")

            let client = try EtcdClient(rig.configuration())
            #expect(try await client.members().count == 1)
            #expect(try await client.clusterID() == EtcdClient(rig.configuration()).clusterID())

            try await registry.store.revoke(tenure.lease)
            #expect(try await registry.store.keepAlive(tenure.lease) == nil)
            #expect(try await all.machines().isEmpty)
        }
    }

    @Test("a transaction within another does nothing and is audited, and neither does anything that is not understood")
    func nested() async throws {
        try await withGate { rig, all async throws in
            let before = try await all.store.get(.prefix(""), revision: 0)
            let path = StoreGate.path(for: GateRig.worker)
            let put = #"{"request_put":{"key":"L2Zsb3RpbGxhL2RlZmF1bHQvdW5pdHMvZXZpbC5zZXJ2aWNl","value":"eA=="}}"#
            let bodies = [
                #"{"success":[{"request_txn":{"success":[\#(put)]}}]}"#,
                #"{"failure":[{"request_txn":{"success":[\#(put)]}}]}"#,
                #"{"success":[{"requestTxn":{"success":[\#(put)]}}]}"#,
                #"{"success":[\#(put)]}"#,
                #"{"success":[{"request_txn":{"success":[{"request_range":{"key":"AA==","range_end":"AA=="}}]}}]}"#,
            ]
            for body in bodies { #expect(try await rig.post(path + "/v3/kv/txn", body) == 403, "\(body)") }
            // From its own first key to the very end, which some versions of etcd take for one key.
            let key = "L2Zsb3RpbGxhL2RlZmF1bHQvbWFjaGluZXMv"
            let toTheEnd = #""key":"\#(key)","range_end":"AA==""#
            #expect(try await rig.post(path + "/v3/watch", "{\"create_request\":{\(toTheEnd)}}") == 403)
            #expect(try await rig.post(path + "/v3/kv/range", "{\(toTheEnd)}") == 403)
            // What etcd asks nobody for a login for, and what only root may.
            for other in [
                "/v3/maintenance/alarm", "/v3/lease/leases", "/v3/lease/timetolive", "/v3/maintenance/snapshot",
                "/v3/auth/disable", "/v3/auth/user/list", "/v3/kv/put", "/v3/kv/deleterange", "/v3/kv/compaction",
                "/v3/maintenance/defragment", "/v3/cluster/member/remove",
            ] { #expect(try await rig.post(path + other, "{}") == 404, "\(other)") }
            #expect(try await all.store.get(.prefix(""), revision: 0).keys == before.keys)
            let refusals = rig.server.notebook.acts.withLock { $0.filter { $0.status == 403 } }
            #expect(refusals.count == bodies.count + 2)
            #expect(refusals.allSatisfy { $0.caller == "machine:\(GateRig.worker)" })
            #expect(refusals.first?.reason?.contains("no transaction within another") == true)
        }
    }

    @Test("a stolen worker reads and writes nothing that is not its own, and uses nobody's lease")
    func stolen() async throws {
        try await withGate { rig, all async throws in
            try await all.createUnit(
                Self.web, file: try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n"), target: .launched)
            let victim = try await enter(try rig.registry(of: GateRig.other), GateRig.other)
            let etcd = try await enter(all, try required(MachineID(String(repeating: "c", count: 32))))
            let client = try EtcdClient(rig.configuration())
            let (keys, worker, other) = (Self.keys, GateRig.worker, GateRig.other)
            let before = try await all.store.get(.prefix(""), revision: 0).keys
            let forbiddenWrites = [
                keys.assignment(worker, Self.web), keys.assignment(other, Self.web), keys.unit(Self.web),
                keys.machine(other), keys.state(other, Self.web), keys.leader, keys.mark, keys.metadata(worker),
                keys.machineIdentity(worker), keys.userIdentity("root"), keys.token("1"), keys.authorities,
                keys.event(1, "a"), keys.machine(worker) + "x", "\0", "elsewhere", keys.result(Self.web),
            ]
            func expectDenial(_ what: String, _ attempt: () async throws -> Void) async {
                let error = await #expect(throws: EtcdError.self, "\(what)") { try await attempt() }
                #expect(
                    error?.code == .permissionDenied && error?.mayHaveHappened == false,
                    "\(what): \(error?.message ?? "")")
            }
            for key in forbiddenWrites {
                for operations: [Etcd.Operation] in [[.put(key, [1])], [.delete(.key(key))]] {
                    await expectDenial(key) { _ = try await client.commit(Transaction(then: operations)) }
                    await expectDenial(key) {
                        _ = try await client.commit(
                            Transaction(if: [.present(keys.mark)], then: [], otherwise: operations))
                    }
                }
            }
            let large = [UInt8](repeating: 1, count: recordSizeLimit + 1)
            await expectDenial("a large value") {
                _ = try await client.commit(Transaction(then: [.put(keys.result(Self.web), large)]))
            }
            let forbiddenReads: [KeySelector] = [
                keys.everything, keys.schedule, keys.assignments(of: other), keys.units, keys.metadata, keys.tokens,
                keys.events, keys.states, .key(keys.unit(Self.web)),
            ]
            for selector in forbiddenReads {
                await expectDenial("\(selector)") { _ = try await client.get(selector, revision: 0) }
                await expectDenial("\(selector)") {
                    for try await _ in client.watch(selector, from: 1) { break }
                }
            }
            await expectDenial("a comparison tells, too") {
                _ = try await client.commit(Transaction(if: [.present(keys.token("1"))], then: []))
            }
            for lease in [victim.lease, etcd.lease] {
                await expectDenial("renewal of \(lease)") { _ = try await client.keepAlive(lease) }
                await expectDenial("end of \(lease)") { try await client.revoke(lease) }
                await expectDenial("a key on \(lease)") {
                    _ = try await client.commit(
                        Transaction(then: [.put(key: keys.state(worker, Self.web), value: [], lease: lease)]))
                }
            }
            await expectDenial("a lease for ever") { _ = try await client.grantLease(ttl: 1_000_000) }
            // Nobody speaks for another, and users do not come here.
            let body = #"{"key":"L2Zsb3RpbGxhL2RlZmF1bHQvbWFyaw=="}"#
            let range = StoreGate.path(for: worker) + "/v3/kv/range"
            #expect(try await rig.post(range, body) == 200)
            #expect(try await rig.post(range, body, by: .machine(other.rawValue)) == 403)
            #expect(try await rig.post(range, body, by: .user("olaf")) == 403)
            #expect(try await rig.post(range, body, by: .user("eve")) == 401)
            #expect(try await all.store.get(.prefix(""), revision: 0).keys == before)
        }
    }

    @Test("a session that began with a login of the machine's own goes on through the gate")
    func former() async throws {
        try await withGate { rig, all async throws in
            let tenure = try await enter(all, GateRig.worker)
            #expect(!MachineLease.has(tenure.lease, MachineLease.front(of: GateRig.worker)))
            let registry = try rig.registry()
            #expect(try await registry.store.keepAlive(tenure.lease) == 600)
            guard case .registered = try await registry.register(record(GateRig.worker), lease: tenure.lease) else {
                Issue.record("the record is not written anew")
                return
            }
            try await registry.store.revoke(tenure.lease)
            #expect(try await all.machines().isEmpty)
        }
    }

    @Test("a lease whose number is made of a machine's id is another's all the same when another's keys hang on it")
    func forged() async throws {
        try await withGate { rig, all async throws in
            let client = try EtcdClient(rig.configuration())
            let (lease, _) = try await client.grantLease(ttl: 600)
            #expect(MachineLease.has(lease, MachineLease.front(of: GateRig.worker)))
            #expect(try await client.keepAlive(lease) == 600)
            _ = try await all.store.commit(
                Transaction(then: [.put(key: Self.keys.machine(GateRig.other), value: [1], lease: lease)]))
            let own = Self.keys.state(GateRig.worker, Self.web)
            for attempt in [
                { _ = try await client.keepAlive(lease) }, { try await client.revoke(lease) },
                { _ = try await client.commit(Transaction(then: [.put(key: own, value: [], lease: lease)])) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: EtcdError.self) { try await attempt() }
                #expect(error?.code == .permissionDenied, "\(error?.message ?? "")")
            }
            #expect(try await all.store.keepAlive(lease) == 600)
        }
    }

    @Test(
        "a lease of the front half that was drawn for a machine is its own, and one that is made of its id is not, unless its record is there"
    )
    func drawn() async throws {
        try await withGate { rig, all async throws in
            let client = try EtcdClient(rig.configuration())
            let (former, _) = try await client.grantLease(ttl: 600)
            rig.fronts.drawn.withLock { $0 = [GateRig.worker: 7, GateRig.other: 8] }
            let own = Self.keys.state(GateRig.worker, Self.web)
            let (lease, _) = try await client.grantLease(ttl: 600)
            #expect(MachineLease.has(lease, 7))
            // Nothing is looked up: what others, who have all rights, hang on it does not count.
            _ = try await all.store.commit(
                Transaction(then: [.put(key: Self.keys.machine(GateRig.other), value: [1], lease: lease)]))
            #expect(try await client.keepAlive(lease) == 600)
            _ = try await client.commit(Transaction(then: [.put(key: own, value: [], lease: lease)]))
            let (foreign, _) = try await EtcdClient(rig.configuration(of: GateRig.other)).grantLease(ttl: 600)
            for lease in [former, foreign] {
                let error = await #expect(throws: EtcdError.self) { _ = try await client.keepAlive(lease) }
                #expect(error?.code == .permissionDenied, "\(error?.message ?? "")")
            }
            guard case .registered = try await all.register(record(GateRig.worker), lease: former) else {
                throw NeverCame(description: "the machine is not registered")
            }
            #expect(try await client.keepAlive(former) == 600, "its session from before it joined anew")
            try await client.revoke(lease)
        }
    }

    @Test("long answers are read one after the other where there is memory for one, and short ones beside them")
    func memory() async throws {
        func text(_ key: String) -> String { Data(key.utf8).base64EncodedString() }
        let run =
            #"{"key":"\#(text(Self.keys.prefix + "files/"))","range_end":"\#(text(Self.keys.prefix + "files0"))"}"#
        let one = #"{"key":"\#(text(Self.keys.mark))"}"#
        let range = StoreGate.path(for: GateRig.worker) + "/v3/kv/range"
        var limits = FleetAPIServer.Limits()
        limits.bounds[.machine].answers = StoreGate.answerLimit
        try await withGate(limits) { rig, _ async throws in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await rig.post(range, run) } }
                for try await status in group { #expect(status == 200) }
            }
        }
        // So little is never there for an answer that may be longer: it is not even asked for.
        limits.bounds[.machine].answers = StoreGate.answerLimit - 1
        try await withGate(limits) { rig, _ async throws in
            let refused = try await rig.send(range, run)
            #expect(refused.status == 503 && refused.headers.first(named: "Retry-After") == "1")
            #expect(try await rig.post(range, one) == 200)
        }
    }

    @Test("a machine that is revoked is refused at once, and its watches end")
    func revoked() async throws {
        try await withGate { rig, all async throws in
            let client = try EtcdClient(rig.configuration())
            let (seen, sight) = AsyncStream<Void>.makeStream()
            let watch = Task { () -> EtcdError.Code? in
                do {
                    for try await _ in client.watch(Self.keys.files, from: 1) { sight.yield() }
                    return nil
                } catch {
                    return (error as? EtcdError)?.code
                }
            }
            try await all.createUnit(
                Self.web, file: try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n"), target: .launched)
            for await _ in seen { break }
            rig.server.records.machines.withLock { $0[GateRig.worker.rawValue] = nil }
            let error = await #expect(throws: EtcdError.self) {
                _ = try await client.get(.key(Self.keys.mark), revision: 0)
            }
            #expect(error?.code == .loginRefused)
            #expect(await watch.value == .loginRefused)
        }
    }

    @Test(
        "what the members say comes through with their numbers; who is not known as one, or a gate that is away, proves nothing"
    )
    func quorum() async throws {
        let cluster = try await EtcdCluster.start(3)
        var lost: EtcdClient?
        try await GateRig.serve(before: cluster.configuration(timeout: .seconds(30))) { rig async throws in
            // Whose the lease is needs no etcd.
            rig.fronts.drawn.withLock { $0[GateRig.worker] = 7 }
            var configuration = try rig.configuration()
            let (breaks, broken) = AsyncStream<Void>.makeStream()
            configuration.onBrokenWatch = { broken.yield() }
            let etcd = try EtcdClient(configuration)
            lost = etcd
            let all = await Self.answers(etcd)
            #expect(all.keys.sorted() == [0, 1, 2])
            #expect(all.values.count { $0 == .leads } == 1 && all.values.count { $0 == .follows } == 2)
            #expect(QuorumQuestion(etcd: etcd, memberCount: 5).count == 5)

            var strange = configuration
            strange.gate?.members = ["https://10.0.0.9:2379"] + cluster.endpoints
            #expect(await Self.answers(try EtcdClient(strange)).keys.sorted() == [1, 2, 3])

            let (stands, standing) = AsyncStream<Void>.makeStream()
            let watch = Task {
                for try await _ in etcd.watch(.key(Self.keys.mark), from: 1) { standing.yield() }
            }
            try await etcdPut(cluster)
            for await _ in stands { break }
            for member in cluster.members { member.kill() }
            // The end of the watch is what tells the session to renew and to ask.
            for await _ in breaks { break }
            watch.cancel()
            #expect(await Self.answers(etcd) == [0: .refused, 1: .refused, 2: .refused])
            let renewal = await #expect(throws: EtcdError.self) {
                _ = try await etcd.withTimeout(.seconds(1)).keepAlive(
                    LeaseID(7 << 32 | 7))
            }
            #expect(renewal?.isTransient == true, "\(renewal?.message ?? "")")
        }
        #expect(await Self.answers(try required(lost)).isEmpty)
    }

    private func etcdPut(_ cluster: EtcdCluster) async throws {
        try await EtcdClient(cluster.configuration(timeout: .seconds(30))).put(Self.keys.mark, [1])
    }

    private static func answers(_ etcd: EtcdClient) async -> [Int: MemberAnswer] {
        let heard = Mutex<[Int: MemberAnswer]>([:])
        await QuorumQuestion(etcd: etcd, memberCount: 0).ask { answer, member in heard.withLock { $0[member] = answer }
        }
        return heard.withLock { $0 }
    }
}
