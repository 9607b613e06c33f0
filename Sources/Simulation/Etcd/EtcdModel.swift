// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// An etcd of several members: who leads it, what it does with a request, when it is silent and when it refuses.
///
/// Writes and linearizable reads take effect at one moment, in one order. A member that is down refuses connections, a
/// member that is paused or whose host is cut off is silent. Without a leader a member answers "no leader"; between the
/// loss of a leader and the members' notice of it requests get no answer, and may be carried out by the next leader.
final class EtcdModel {
    struct Member {
        /// Faults that keep it down; it comes up again when the last of them is over.
        var outages = 0
        var isUp: Bool { outages == 0 }
        var isPaused = false
        /// Takes connections and serves nobody: from its start until it knows a leader.
        fileprivate(set) var isStarting = false
        /// Reached by clients, not by the other members.
        var isIsolated = false
        /// Raised each time it goes down, which ends its connections.
        var generation = 0
        /// Seconds of its clock in one of the simulation.
        var rate: Double
        /// Requests that reached it while it was silent.
        var held: [() -> Void] = []
        var isFunctional: Bool { isUp && !isPaused && !isIsolated }
        /// Takes what comes, and answers nothing.
        var isSilent: Bool { isPaused || isStarting }
    }

    private unowned let world: World
    private(set) var members: [Member]
    private(set) var leader: Int?
    /// How often each member had gone down when the leader was elected: one that was down since knows no leader.
    private var generationsAtElection: [Int] = []
    /// What the store holds, in typed keys; where the shipped registry writes, a view of `bytes`.
    private(set) var store = StoreModel()
    /// The same in real keys and bytes, where shells that ship run.
    private var bytes: ByteStore?
    /// Raised when the store's data is lost.
    private(set) var generation = 0
    /// How much longer a commit takes, at most.
    var slowness: Int64 = 0
    /// Answers that get lost, of 1000.
    var lostAnswers = 0
    /// Proposals that were under way when the leader was lost and that the next one may carry out.
    private var parked: [() -> Void] = []
    private var streams: [WatchStream] = []
    /// A look at who leads is on its way.
    private var isLookDue = false
    /// When a member that had started last began to serve.
    private var lastServed: Int64 = -.max / 2
    /// Some member is silent since it starts, or has been for all but the last second: machines may not have heard of it yet.
    var isBarelyBack: Bool { members.contains(where: \.isStarting) || world.now - lastServed < Span.second }

    init(world: World, memberCount: Int) {
        self.world = world
        members = (0..<memberCount).map { _ in Member(rate: world.clockRate()) }
        leader = 0
        bytes = world.isShipped ? ByteStore() : nil
        generationsAtElection = members.map(\.generation)
    }

    var majority: Int { members.count / 2 + 1 }

    /// Whether a proposal made now is carried out.
    var canCommit: Bool {
        guard let leader, hasQuorum else { return false }
        return members[leader].isFunctional && members[leader].generation == generationsAtElection[leader]
    }

    /// Whether a member that answers would say that there is a leader.
    func knowsLeader(_ member: Int) -> Bool {
        guard let leader else { return false }
        if canCommit, members[member].isFunctional { return true }
        return members[member].generation == generationsAtElection[member]
            && !(members[member].isIsolated && leader != member)
    }

    var hasQuorum: Bool { members.count(where: \.isFunctional) >= majority }

    // MARK: Members

    func change(_ member: Int, _ change: (inout Member) -> Void) {
        let before = members[member]
        change(&members[member])
        let after = members[member]
        if before.isUp, !after.isUp {
            members[member].generation += 1
            members[member].held = []
            members[member].isStarting = false
            for stream in streams where stream.member == member { stream.fail() }
        }
        if before.isPaused, !after.isPaused { answerHeld(member) }
        if !before.isUp, after.isUp { members[member].isStarting = true }
        lookLater()
        serveLater()
        if !before.isFunctional, after.isFunctional { pumpAll() }
    }

    /// Lets members that have started serve clients, which they do a while after they know a leader.
    private func serveLater() {
        for member in members.indices where members[member].isStarting && canCommit {
            let started = members[member].generation
            world.after(world.random.between(50 * Span.millisecond, 400 * Span.millisecond)) { [unowned self] in
                guard members[member].isStarting, members[member].generation == started, canCommit else { return }
                members[member].isStarting = false
                lastServed = world.now
                world.note { "etcd: member \(member) serves" }
                answerHeld(member)
            }
        }
    }

    /// Takes what has reached a member that is silent; it comes to it when it serves.
    func hold(at member: Int, _ action: @escaping () -> Void) { members[member].held.append(action) }

    private func answerHeld(_ member: Int) {
        guard !members[member].isSilent else { return }
        let held = members[member].held
        members[member].held = []
        for action in held { world.after(world.random.between(0, 5 * Span.millisecond), action) }
    }

    /// Makes another member lead, as an operator or a stirring network does.
    func moveLeader() {
        guard canCommit, members.count > 1, let leader else { return }
        let others = members.indices.filter { $0 != leader && members[$0].isFunctional }
        guard let next = world.random.pick(others) else { return }
        elect(next)
    }

    private func lookLater() {
        guard !isLookDue, !(canCommit && leader != nil) else { return }
        isLookDue = true
        // Members notice the loss of a leader after one to two election time-outs of a second.
        world.after(world.random.between(Span.second, 2 * Span.second)) { [unowned self] in look() }
    }

    private func look() {
        isLookDue = false
        if canCommit { return }
        if leader != nil {
            leader = nil
            world.note { "etcd: has lost its leader" }
            for stream in streams { stream.fail() }
        }
        guard hasQuorum else { return }
        let able = members.indices.filter { members[$0].isFunctional }
        isLookDue = true
        // Votes take moments, unless two candidates split them and an election time-out passes once more.
        // Not while members start: silence for longer than machines can do without is beyond rule R4.
        let isSplit = !members.contains(where: \.isStarting) && world.random.chance(1, in: 8)
        let span = isSplit ? world.random.between(Span.second, 2 * Span.second) : 0
        world.after(span + world.random.between(5 * Span.millisecond, 50 * Span.millisecond)) { [unowned self] in
            isLookDue = false
            if leader == nil, hasQuorum, let next = world.random.pick(able), members[next].isFunctional {
                elect(next)
            } else {
                lookLater()
            }
        }
    }

    private func elect(_ member: Int) {
        leader = member
        generationsAtElection = members.map(\.generation)
        store.promote(at: world.now, rate: members[member].rate)
        world.note { "etcd: member \(member) leads, every lease has its full time again" }
        for lease in store.leases.keys.sorted() { watchExpiry(of: lease) }
        let proposals = parked
        parked = []
        for action in proposals { world.after(world.random.between(0, 20 * Span.millisecond), action) }
        pumpAll()
        serveLater()
    }

    /// The data is gone; the same members begin anew.
    func wipe() {
        store = StoreModel(leaseBase: Int64(generation + 1) << 32)
        if bytes != nil { bytes = ByteStore() }
        generation += 1
        parked = []
        for stream in streams { stream.fail() }
        world.note { "etcd: has lost its data" }
    }

    func compact() {
        store.compact()
        bytes?.compact()
    }

    // MARK: Requests

    /// Takes a request that has reached a member; `reply` is called at the moment at which the member answers, if ever.
    func receive(
        _ request: StoreRequest, at member: Int, _ reply: @escaping (Result<StoreAnswer, StoreFailure>) -> Void
    ) {
        guard members[member].isUp else {
            return reply(.failure(StoreFailure(code: .unreachable, mayHaveHappened: false)))
        }
        guard !members[member].isSilent else {
            return hold(at: member) { [unowned self] in receive(request, at: member, reply) }
        }
        guard knowsLeader(member) else {
            return reply(.failure(StoreFailure(code: .unreachable, mayHaveHappened: false)))
        }
        guard canCommit else { return park(request) { [unowned self] in propose(request, at: member, reply) } }
        propose(request, at: member, reply)
    }

    /// A request that waits for a leader or is in the log of the failing one: half of the writes survive that.
    ///
    /// A renewal writes nothing; its member asks for a leader again and again until there is one.
    private func park(_ request: StoreRequest, _ action: @escaping () -> Void) {
        if case .keepAlive = request { return parked.append(action) }
        if world.random.chance(1, in: 2) { parked.append(action) }
    }

    private func propose(
        _ request: StoreRequest, at member: Int, _ reply: @escaping (Result<StoreAnswer, StoreFailure>) -> Void
    ) {
        let reached = (members[member].generation, generation)
        world.after(commitDelay()) { [unowned self] in
            guard canCommit else {
                return park(request) { [unowned self] in propose(request, at: member, reply) }
            }
            guard reached.1 == generation else { return }
            let result = execute(request)
            guard members[member].isUp, members[member].generation == reached.0 else {
                return reply(.failure(StoreFailure(code: .unreachable, mayHaveHappened: true)))
            }
            if lostAnswers > 0, world.random.chance(lostAnswers, in: 1000) {
                world.note { "etcd: the answer of member \(member) gets lost" }
                return reply(.failure(StoreFailure(code: .unreachable, mayHaveHappened: true)))
            }
            reply(result)
        }
    }

    private func commitDelay() -> Int64 {
        var span = world.random.between(300 * Span.microsecond, 3 * Span.millisecond)
        if slowness > 0 { span += world.random.between(0, slowness) }
        return span
    }

    private func execute(_ request: StoreRequest) -> Result<StoreAnswer, StoreFailure> {
        let rate = leader.map { members[$0].rate } ?? 1
        var content: StoreAnswer.Content
        switch request {
        case .transaction(let transaction):
            do throws(StoreFailure) {
                let result = try store.apply(transaction)
                if let commit = result.commit { committed(commit, by: transaction) }
                content = .transaction(succeeded: result.succeeded, found: result.found)
            } catch {
                return .failure(error)
            }
        case .range(let range): content = .range(store.read(range))
        case .entries(let keys): content = .entries(keys.map { store.entries[$0] })
        case .grant(let ttl):
            let lease = store.grant(ttl: ttl, at: world.now, rate: rate)
            watchExpiry(of: lease)
            content = .lease(lease, ttl: ttl)
        case .keepAlive(let lease):
            if let known = store.leases[lease], known.expiry <= world.now { expire(lease) }
            content = .alive(ttl: store.renew(lease, at: world.now, rate: rate))
        case .revoke(let lease):
            expire(lease)
            content = .done
        case .read(let selector, let revision): content = read(selector, at: revision)
        case .commit(let transaction): content = commit(transaction)
        }
        return .success(StoreAnswer(content: content, revision: store.revision, generation: generation))
    }

    private func committed(_ commit: StoreCommit, by transaction: StoreTransaction?) {
        world.mix(UInt64(truncatingIfNeeded: commit.revision))
        for change in commit.changes { world.mix(UInt64(change.key.raw) << 1 | (change.entry == nil ? 0 : 1)) }
        world.note { "etcd: revision \(commit.revision): " + world.catalogue.text(of: commit) }
        world.observer.committed(commit, by: transaction)
        for stream in streams { pump(stream) }
    }

    /// Does a user's write at once, at the moment at which a user's own client has brought it through.
    func write(_ transaction: StoreTransaction) -> Bool {
        guard canCommit, let result = try? store.apply(transaction) else { return false }
        if let commit = result.commit { committed(commit, by: nil) }
        return result.succeeded
    }

    // MARK: Real keys

    /// Does a user's request at once, at the moment at which a user's own client has brought it through; `nil` without a leader.
    func perform(_ request: StoreRequest) -> StoreAnswer.Content? {
        guard canCommit, case .success(let answer) = execute(request) else { return nil }
        return answer.content
    }

    private func read(_ selector: KeySelector, at revision: Int64) -> StoreAnswer.Content {
        do throws(EtcdError) {
            return .keys(try bytes?.read(selector, at: revision) ?? [])
        } catch {
            return .refused(error)
        }
    }

    private func commit(_ transaction: Transaction) -> StoreAnswer.Content {
        guard let bytes else { return .done }
        do throws(EtcdError) {
            let (result, batch) = try bytes.commit(transaction, leases: store.leases.mapValues(\.ttl))
            if let batch { show(batch, by: StoreTransaction(epoch: bytes.epoch(of: transaction))) }
            return .result(result)
        } catch {
            return .refused(error)
        }
    }

    private func show(_ batch: WatchBatch, by transaction: StoreTransaction?) {
        guard let commit = bytes?.typed(batch, world.catalogue) else { return }
        store.show(commit)
        committed(commit, by: transaction)
    }

    // MARK: Leases

    /// etcd looks for leases that have ended twice a second.
    private func watchExpiry(of lease: Int64) {
        guard let known = store.leases[lease] else { return }
        let late = world.random.between(0, 500 * Span.millisecond)
        let epoch = (leader, generation)
        world.at(max(world.now, known.expiry) + late) { [unowned self] in
            guard epoch == (leader, generation), let known = store.leases[lease] else { return }
            guard canCommit, known.expiry <= world.now else { return watchExpiry(of: lease) }
            world.note { "etcd: lease \(lease) has expired" }
            expire(lease)
        }
    }

    private func expire(_ lease: Int64) {
        if bytes != nil {
            store.drop(lease)
            if let batch = bytes?.end(lease) { show(batch, by: nil) }
        } else if let commit = store.revoke(lease) {
            committed(commit, by: nil)
        }
    }

    // MARK: Watches

    /// - Returns: Whether the member takes the watch on.
    func open(_ stream: WatchStream) -> Bool {
        guard members[stream.member].isUp, knowsLeader(stream.member) else { return false }
        streams.append(stream)
        pump(stream)
        return true
    }

    func close(_ stream: WatchStream) { streams.removeAll { $0 === stream } }

    /// Ends every watch, as a restarting proxy does.
    func cutWatches() { for stream in streams { stream.fail() } }

    func pumpAll() {
        for stream in streams {
            if stream.isFailed { stream.fail() } else { pump(stream) }
        }
    }

    private func pump(_ stream: WatchStream) {
        guard stream.isOpen, !stream.isFailed, members[stream.member].isFunctional, store.revision >= stream.cursor,
            !world.network.isCut(stream.host, stream.member, .fromMember)
        else { return }
        if case .bytes(let selector) = stream.range {
            guard let batches = bytes?.changes(of: selector, from: stream.cursor) else {
                return stream.send(.compacted)
            }
            stream.cursor = store.revision + 1
            if !batches.isEmpty { stream.send(.bytes(batches)) }
            return
        }
        guard let commits = store.commits(from: stream.cursor) else { return stream.send(.compacted) }
        stream.cursor = store.revision + 1
        var batches: [StoreCommit] = []
        for commit in commits {
            let changes = commit.changes.filter { stream.range.contains($0.key) }
            if !changes.isEmpty { batches.append(StoreCommit(revision: commit.revision, changes: changes)) }
        }
        if !batches.isEmpty { stream.send(.batches(batches)) }
    }
}
