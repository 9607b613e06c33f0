// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore
package import Logging
package import Registry
package import Timing

/// Holds the machine's session: carries out what `SessionCore` decides and tells it what came of it.
package actor SessionShell {
    /// What the rest of the agent does when the session comes and goes.
    package struct Hooks: Sendable {
        /// The session lives from now on.
        var enter: @Sendable (Tenure) async -> Void
        /// The session may end: stop every fenced unit, kill what is left at the moment given, return when all are dead.
        var fence: @Sendable (Moment) async -> Void
        /// The session state changed, in words for `systemctl status`.
        var status: @Sendable (String) -> Void
        /// Whether units are at work that the end of the session would stop.
        var holdsUnits: @Sendable () async -> Bool

        package init(
            enter: @escaping @Sendable (Tenure) async -> Void, fence: @escaping @Sendable (Moment) async -> Void,
            status: @escaping @Sendable (String) -> Void, holdsUnits: @escaping @Sendable () async -> Bool = { true }
        ) {
            self.enter = enter
            self.fence = fence
            self.status = status
            self.holdsUnits = holdsUnits
        }
    }

    let registry: ClusterRegistry
    let etcd: any SessionStore
    private let file: any SessionKeeper
    private let guardControl: any MachineGuard
    let peers: Peers
    let hooks: Hooks
    private let requestedTTL: Int
    let clockwork: any Clockwork
    var logger: Logger
    var record: MachineRecord
    var saved: SavedSession
    var core: SessionCore
    private var timer: Task<Void, Never>?
    /// Why etcd last granted no lease or took no record; told again when it is for another reason.
    var lastRefusal = ""
    var isAskingPeers = false
    /// Where this run's record of the machine stands in the store's history.
    var recordRevision: Int64 = 0
    /// What the store last said of the record.
    var sighting: OwnRecordUpdate?
    /// The record is being written anew within the session.
    var isRewriting = false
    /// The record in the store lacks what is to be said; it is written at the next renewal.
    var isRecordBehind = false
    /// What is wrong with it as it was set up, and so for as long as this run lasts; empty when nothing is.
    let standingTrouble: String
    /// What is wrong with this machine's addresses; empty when nothing is.
    var addressTrouble = ""
    /// What keeps it from doing what it is ordered; empty when nothing does.
    var agentTrouble = ""
    /// Why the session is not on disk; empty when it is.
    private(set) var saveTrouble = ""
    private var leaseOnDisk: Int64 = 0
    /// What is wrong with its clock; empty when nothing is.
    var clockTrouble = ""
    private let events: AsyncStream<SessionCore.Event>
    let inbox: AsyncStream<SessionCore.Event>.Continuation

    package init(
        registry: ClusterRegistry, etcd: any SessionStore, record: MachineRecord, saved: SavedSession,
        file: any SessionKeeper,
        ttl: Int, guardControl: any MachineGuard, peers: Peers, hooks: Hooks, clockwork: any Clockwork,
        logger: Logger
    ) {
        self.registry = registry
        self.etcd = etcd
        self.record = record
        standingTrouble = record.trouble
        self.saved = saved
        self.file = file
        self.requestedTTL = ttl
        self.guardControl = guardControl
        self.peers = peers
        self.hooks = hooks
        self.clockwork = clockwork
        self.logger = logger
        // The former run has written it.
        leaseOnDisk = saved.lease
        core = SessionCore(timing: SessionTiming(ttl: ttl))
        (events, inbox) = AsyncStream.makeStream()
    }

    /// The lease under which this machine may write; `nil` while there is no session.
    package var currentLease: SessionLease? { core.currentLease }

    /// Runs until `stop()`, or until the task is cancelled, which leaves the session alone.
    package func run() async {
        // A session that was refused is not renewed, so its age proves nothing, and nothing may be stopped for it.
        let wasRefused = saved.isRefused == true && saved.lease != 0
        let proof = wasRefused ? clockwork.now : Moment(nanoseconds: saved.proof)
        inbox.yield(.started(saved: saved.sessionLease, proof: proof))
        if wasRefused { inbox.yield(.foreignStore) }
        if saved.mustFence ?? false { inbox.yield(.guardFired) }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followOwnRecord() }
            for await event in events {
                let directives = core.handle(event, at: clockwork.now)
                for directive in directives { await perform(directive, in: &group) }
                if core.phase == .ended { break }
            }
            timer?.cancel()
            group.cancelAll()
        }
    }

    /// The machine's units are about to be stopped because it leaves: a run that follows without the end of the session, since
    /// this one was killed meanwhile, must not take them for units that ended by themselves.
    ///
    /// Where that cannot be written down, the session is forgotten, which needs no space: a run without it bears another token, so it
    /// is in no session before this one has ended, and by then the guard has stopped what was left.
    package func prepareToLeave() {
        saved.mustFence = true
        if !save(core.currentLease) { file.discard() }
    }

    /// Ends the session in order: the machine's keys go at once.
    ///
    /// Its units must be stopped before.
    package func stop() { inbox.yield(.stopping) }

    /// A connection to the store broke that was waiting for its word: the session is renewed at once, while the store is down.
    package func connectionLost() { inbox.yield(.connectionLost) }

    /// Gives the session up, since the store refuses what this machine has to write: others take over when the lease has ended.
    package func surrender() { inbox.yield(.keptOut) }

    private func perform(_ directive: SessionCore.Directive, in group: inout DiscardingTaskGroup) async {
        switch directive {
        case .resume(let lease): group.addTask { await self.resume(lease) }
        case .grant: group.addTask { await self.grant() }
        case .register(let lease): group.addTask { await self.register(lease) }
        case .renew(let lease): group.addTask { await self.renew(lease) }
        case .askForQuorum:
            group.addTask { await self.askForQuorum() }
            if let lease = core.currentLease, core.wantsRelay(at: clockwork.now), !isAskingPeers {
                isAskingPeers = true
                group.addTask { await self.askPeers(lease) }
            }
        case .enter(let lease, let isNew):
            logger.info(
                "session entered", metadata: ["session.lease": "\(LeaseID(lease.id))", "session.new": "\(isNew)"])
            saved.isRefused = nil
            saved.hasAdopted = nil
            if isNew { saved.mustFence = nil }
            group.addTask { await self.enter(lease) }
        case .feedGuard(let deadline):
            if await !guardControl.feed(until: deadline) { inbox.yield(.guardFired) }
            if case .held(let lease, let proof, _) = core.phase {
                saved.proof = proof.nanoseconds
                save(lease)
            }
        case .disarmGuard: await guardControl.disarm()
        case .fence(let kill):
            group.addTask {
                await self.hooks.fence(kill)
                self.inbox.yield(.fenced)
            }
        case .revoke(let lease):
            // Awaited: at a shutdown this is the last thing the agent does, and others wait for it.
            try? await etcd.withTimeout(.seconds(2)).revoke(LeaseID(lease.id))
            saved.lease = 0
            saved.isRefused = nil
            save(nil)
        case .report(let report): tell(report)
        case .wake(let moment):
            timer?.cancel()
            timer = clockwork.spawn { [inbox, clockwork] in
                await clockwork.sleep(until: moment)
                if !Task.isCancelled { inbox.yield(.woke) }
            }
        }
    }

    /// Begins the tenure when the session is on disk: a restart of the agent that finds another one, or none, would stop what was
    /// started under it.
    private func enter(_ lease: SessionLease) async {
        while !save(lease), !isOnDisk(lease) {
            guard core.currentLease == lease, !Task.isCancelled else { return }
            if updateTrouble() { await rewrite(lease) }
            try? await clockwork.sleep(for: Self.saveInterval)
            guard core.currentLease == lease, !Task.isCancelled else { return }
        }
        if updateTrouble() { return await rewrite(lease) }
        hooks.status("in the cluster, session of \(lease.ttl) s")
        await hooks.enter(Tenure(machine: record.id, lease: LeaseID(lease.id), recordRevision: recordRevision))
        await settleRecord()
    }

    /// From one attempt to write the session down to the next.
    private static let saveInterval = Duration.seconds(1)

    /// Whether a restart of the agent would find this session.
    func isOnDisk(_ lease: SessionLease) -> Bool { leaseOnDisk == lease.id }

    /// Writes the session down.
    ///
    /// - Returns: Whether it is on disk.
    @discardableResult
    func save(_ lease: SessionLease?) -> Bool {
        saved.lease = lease?.id ?? 0
        saved.ttl = lease?.ttl ?? 0
        saved.storeID = etcd.knownClusterID ?? saved.storeID
        saved.storeRevision = max(etcd.knownRevision, saved.storeRevision ?? 0)
        do {
            try file.store(saved)
            leaseOnDisk = saved.lease
            saveTrouble = ""
            return true
        } catch {
            let words = "\(error)"
            if saveTrouble.isEmpty {
                logger.warning(
                    "session not saved; a restart of this agent begins a new one", metadata: ["error": "\(words)"])
            }
            saveTrouble = words
            return false
        }
    }
}

// MARK: What goes to the store

extension SessionShell {
    private func grant() async {
        let sent = clockwork.now
        do {
            let (lease, ttl) = try await etcd.grantLease(ttl: requestedTTL)
            lastRefusal = ""
            await countMembers()
            inbox.yield(.granted(SessionLease(id: lease.rawValue, ttl: ttl), sent: sent))
        } catch {
            tell(
                refusal: error.message, "no session: etcd grants no lease", status: "waiting for etcd",
                advice: ClockTrouble.advice(on: error.message, now: clockwork.wallMilliseconds))
            inbox.yield(error.code == .storeReplaced ? .foreignStore : .grantFailed)
        }
    }

    /// Says in the status why the store does not do what the session needs, and in the log once for each reason.
    private func tell(refusal: String, _ words: Logger.Message, status: String, advice: String = "") {
        let reason = refusal + advice
        if refusal != lastRefusal { logger.warning(words, metadata: ["error": "\(reason)"]) }
        lastRefusal = refusal
        hooks.status("\(status): \(reason)")
    }

    /// A run that begins while etcd is down cannot ask, and must not take one refusal for all members' (rule R1).
    private func countMembers() async {
        saved.memberCount = (try? await etcd.members().count) ?? saved.memberCount
    }

    private func register(_ lease: SessionLease) async {
        _ = updateTrouble()
        do {
            switch try await registry.register(record, lease: LeaseID(lease.id)) {
            case .registered(let revision):
                if core.isAbout(lease) { recordRevision = revision }
                answer(.registered, about: lease)
                await noteMark()
            case .taken(let other):
                logger.error(
                    """
                    this machine's id belongs to another live machine; a record of this machine's former boot ends by \
                    itself within its session's lifetime, else give one of the two a new id with systemd-machine-id-setup
                    """,
                    metadata: ["machine.other.address": "\(other.address)", "machine.other.name": "\(other.name)"])
                hooks.status("refused: machine id \(record.id.short) is alive at \(other.address) (\(other.name))")
                answer(.taken, about: lease)
            }
        } catch {
            tell(refusal: error.message, "machine not registered", status: "not registered")
            answer(error.code == .sessionLost ? .registerLeaseGone : .registerFailed, about: lease)
        }
    }

    /// Hands an answer about `lease` to the core, unless the session has gone on to another.
    func answer(_ event: SessionCore.Event, about lease: SessionLease) {
        if core.isAbout(lease) { inbox.yield(event) }
    }

    private func renew(_ lease: SessionLease) async {
        let sent = clockwork.now
        let isSuspended = if case .suspended = core.phase { true } else { false }
        do {
            if isSuspended, try file.adopt(saved) {
                logger.notice("the operator took the store that is there now; this agent ends to begin anew with it")
                hooks.status("adopting the store that is there now")
                saved = saved.withoutStore
                inbox.finish()
                return
            }
        } catch {
            logger.warning("store not adopted", metadata: ["error": "\(error)"])
        }
        do {
            let isAlive = try await etcd.withTimeout(core.timing.attemptTimeout).keepAlive(LeaseID(lease.id)) != nil
            if isSuspended {
                // Without a mark only the living lease proves it: the revision of a store that was emptied grows.
                let isOwn = saved.storeMark == nil ? isAlive : try await isOwnStore()
                answer(isOwn ? .ownStoreReturned : .foreignStore, about: lease)
            } else if isAlive, await !isStoreSetBack() {
                answer(.renewed(sent: sent), about: lease)
                if updateTrouble() || isRecordBehind, core.currentLease == lease { await rewrite(lease) }
            } else if isAlive {
                answer(.foreignStore, about: lease)
            } else {
                await leaseGone(lease)
            }
        } catch {
            logger.debug("renewal failed", metadata: ["error": "\(error.message)"])
            answer(error.code == .storeReplaced ? .foreignStore : .renewFailed, about: lease)
        }
    }

    /// Asks whether the session of a former run lives and holds our record.
    private func resume(_ lease: SessionLease) async {
        let sent = clockwork.now
        do {
            guard try await etcd.withTimeout(core.timing.attemptTimeout).keepAlive(LeaseID(lease.id)) != nil else {
                return await leaseGone(lease)
            }
        } catch {
            logger.warning("former session not confirmed yet", metadata: ["error": "\(error.message)"])
            answer(error.code == .storeReplaced ? .foreignStore : .renewFailed, about: lease)
            return
        }
        do {
            switch try await registry.register(record, lease: LeaseID(lease.id)) {
            case .registered(let revision):
                if core.isAbout(lease) { recordRevision = revision }
                answer(.renewed(sent: sent), about: lease)
                await noteMark()
            case .taken: await leaseGone(lease)
            }
        } catch {
            answer(outcome(of: error, sent: sent), about: lease)
        }
    }

    /// What it means for the former session that its lease was renewed at `sent` and its record then was not taken.
    private func outcome(of error: RegistryError, sent: Moment) -> SessionCore.Event {
        switch error.code {
        case .sessionLost: return .leaseGone
        case .otherStore: return .foreignStore
        // A store that is full renews leases all the same, and takes the record when it has room again.
        case .store(let cause) where cause.code == .noSpace:
            tell(
                refusal: error.message, "units of the former session run on; the machine is not registered yet",
                status: "keeps its units; not registered yet")
            return .unregistered(sent: sent)
        default: return .renewFailed
        }
    }

    /// A store that lost its data knows no lease either; a linearizable read tells the two apart (rule R8).
    func leaseGone(_ lease: SessionLease) async {
        do {
            answer(try await isOwnStore() ? .leaseGone : .foreignStore, about: lease)
        } catch {
            answer(error.code == .storeReplaced ? .foreignStore : .renewFailed, about: lease)
        }
    }
}
