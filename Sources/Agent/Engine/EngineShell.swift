// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry
import Timing

/// Runs the engine for one leadership: feeds it what the store says, commits what it decides.
actor EngineShell {
    enum End: Sendable {
        /// Another epoch has begun, or an answer was lost and a new epoch must shut out what is still on its way.
        case deposed
        case cancelled
    }

    /// How a stretch of leading, from one reading of the whole cluster to the next, ends.
    private enum Stretch: Sendable {
        case ended(End)
        /// The store refused a write, certainly did not do it, and will do no better for another leader.
        case refused(RegistryError)
    }

    private let registry: ClusterRegistry
    private let leadership: Leadership
    /// How long losses of machines count together (rule R10): the lifetime of their sessions.
    private let lossWindow: Duration
    private let handover: LeadHandover
    private let clockwork: any Clockwork
    private let logger: Logger
    private var engine: Engine?
    private var problems: [RegistryProblem] = []
    private var revision: Int64 = 0
    /// A unit or an assignment changed since files were last collected.
    private var mayHaveUnusedFiles = false
    /// An operation has ended since those that ended long ago were last forgotten.
    private var mayHaveOldOperations = false
    /// Whether this leader has read the cluster before: what it reads anew tells of no lost leader.
    private var hasRead = false
    /// Writes that were refused one after the other.
    private var refusals = 0
    /// What the last one was told of.
    private var told: EtcdError.Code?
    /// What the status has to say once this machine leads no more, where it says something of its lead now.
    private(set) var parting: String?

    init(
        registry: ClusterRegistry, leadership: Leadership, lossWindow: Duration, handover: LeadHandover = .nobody,
        clockwork: any Clockwork, logger: Logger
    ) {
        self.registry = registry
        self.leadership = leadership
        self.lossWindow = lossWindow
        self.handover = handover
        self.clockwork = clockwork
        self.logger = logger
    }

    /// From one round of a refused commit to the next, so that a full or ailing store is not asked without pause; doubled with
    /// each refusal up to the longest.
    private static let pause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(5)
    /// How often unused unit files are looked for, if any unit changed since.
    private static let collectionInterval = Duration.seconds(10)

    private enum Input: Sendable {
        /// With the moment at which it came: what waited behind a slow commit did not happen at once.
        case update(Registry.ClusterUpdate, Moment)
        case collectFiles
        /// The engine asked to be asked again.
        case woke
    }

    func run() async -> End {
        while true {
            switch await lead() {
            case .ended(let end): return end
            case .refused(let error):
                tell(ofRefusal: error)
                let pause = min(Self.pause * (1 << min(refusals, 8)), Self.longestPause)
                refusals += 1
                guard (try? await clockwork.sleep(for: pause)) != nil else { return .cancelled }
            }
        }
    }

    private func lead() async -> Stretch {
        engine = nil
        let backlog = Backlog<Input>(clockwork: clockwork)
        return await withTaskGroup(of: Stretch.self) { group in
            group.addTask {
                do {
                    for try await update in self.registry.follow() {
                        await backlog.append(.update(update, self.clockwork.now))
                    }
                } catch {
                    self.logger.error("cannot follow the cluster", metadata: ["error": "\(error)"])
                    if let error = error as? RegistryError, error.isForUserAlone { await self.giveWay(error) }
                }
                // Without news there is nothing to decide on: another epoch begins with a fresh reading.
                await self.resign()
                return .ended(Task.isCancelled ? .cancelled : .deposed)
            }
            group.addTask { await self.decide(backlog) }
            group.addTask {
                while (try? await self.clockwork.sleep(for: Self.collectionInterval)) != nil {
                    await self.askForCollection(backlog)
                }
                return .ended(.cancelled)
            }
            let end = await group.next() ?? .ended(.cancelled)
            group.cancelAll()
            return end
        }
    }

    /// Takes in everything that has come, plans once, commits, and begins again.
    private func decide(_ backlog: Backlog<Input>) async -> Stretch {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        while !Task.isCancelled {
            let inputs = await backlog.takeAll()
            if inputs.isEmpty { return .ended(.cancelled) }
            var isCollecting = false
            for input in inputs {
                switch input {
                case .update(let update, let moment): take(update, at: moment)
                case .collectFiles: isCollecting = true
                case .woke: break
                }
            }
            if isCollecting {
                await collectFiles()
                await forgetOperations()
            }
            engine?.tick(clockwork.now)
            let brake = engine?.brake
            guard let plan = engine?.plan() else { continue }
            tell(of: engine?.brake, before: brake)
            timer?.cancel()
            timer = engine?.wake.map { moment in
                clockwork.spawn { [clockwork] in
                    await clockwork.sleep(until: moment)
                    if !Task.isCancelled { await backlog.append(.woke) }
                }
            }
            let steps = plan.steps
            guard !steps.isEmpty || !plan.notes.isEmpty || !plan.operations.isEmpty else { continue }
            for step in steps {
                logger.info("schedule", metadata: ["unit.name": "\(step.unit)", "schedule.change": "\(step.summary)"])
            }
            do {
                try await registry.write(plan.notes, at: clockwork.wallMilliseconds, as: leadership)
                let outcome = try await registry.commit(steps, as: leadership)
                if outcome.isDeposed { return .ended(.deposed) }
                settle(steps, outcome)
                for write in plan.operations { try await goOn(write) }
                noteSuccess()
            } catch  where error.code == .deposed {
                return .ended(.deposed)
            } catch {
                return await answer(error)
            }
            // What was refused is decided anew on the news that made it stale, which is on its way.
        }
        return .ended(.cancelled)
    }

    /// What becomes of the lead when a plan was not committed.
    private func answer(_ error: RegistryError) async -> Stretch {
        if error.isForUserAlone {
            await giveWay(error)
            return .ended(Task.isCancelled ? .cancelled : .deposed)
        }
        // A full store, or one without quorum, takes writes of nobody: the lead would only go round, and where etcd still takes
        // its end but not its beginning, be lost. Nothing is on its way, so this epoch may read all and go on.
        guard error.mayHaveHappened else { return .refused(error) }
        logger.warning("plan not committed", metadata: ["error": "\(error.message)"])
        // Whether it happened is unknown: a new epoch tells, and shuts out what is late.
        await resign()
        try? await clockwork.sleep(for: Self.pause)
        return .ended(.deposed)
    }

    private func tell(ofRefusal error: RegistryError) {
        let code: EtcdError.Code = if case .store(let cause) = error.code { cause.code } else { .server }
        guard code != told else { return }
        told = code
        logger.error(
            "the store takes no writes: this machine goes on leading, and decisions wait until it does",
            metadata: ["error": "\(error.message)"])
        handover.status("leads, but the store takes no writes: \(error.message)")
        parting = "in the cluster"
    }

    private func noteSuccess() {
        guard told != nil else { return }
        (told, refusals, parting) = (nil, 0, nil)
        logger.info("the store takes writes again; decisions go on")
        handover.status("in the cluster")
    }

    /// etcd keeps this machine's user out, so that it can neither decide nor resign: others have to take the lead from it.
    ///
    /// Returns when the lead is gone, or the task is cancelled, as it is when the session ends.
    private func giveWay(_ error: RegistryError) async {
        logger.error(
            """
            etcd refuses what this machine writes as the leader, so it gives the lead to another; give its etcd user the \
            password or the role back that it had, or join it anew
            """, metadata: ["error": "\(error.message)"])
        handover.status("gives the lead up: \(error.message)")
        let parting = "in the cluster; gave the lead up: \(error.message)"
        self.parting = parting
        let start = clockwork.now
        while !Task.isCancelled {
            if (try? await registry.resign(leadership)) != nil { break }
            if await handover.askPeers(leadership) { break }
            // Nobody can take it while this session lives, and the session lives while it is renewed.
            if clockwork.now >= start + lossWindow {
                self.parting = nil
                return await handover.leave()
            }
            try? await clockwork.sleep(for: Self.pause)
        }
        // Cancelled, it has seen the lead go, or has left its session: `ElectionShell` knows which.
        guard !Task.isCancelled else { return }
        handover.status(parting)
    }

    /// Writes what an operation is to be; what others have changed since is decided anew on that news.
    private func goOn(_ write: OperationWrite) async throws(RegistryError) {
        let head = write.head
        for step in write.waves.flatMap(\.steps) {
            logger.info(
                "operation",
                metadata: [
                    "operation.id": "\(head.id)", "unit.name": "\(step.unit)",
                    "operation.step":
                        "\(step.result?.rawValue ?? "begins")\(step.reason.isEmpty ? "" : ": \(step.reason)")",
                ])
        }
        if head.state != .running {
            logger.notice(
                "operation \(head.state.rawValue)",
                metadata: ["operation.id": "\(head.id)", "operation.reason": "\(head.reason)"])
        }
        do throws(RegistryError) {
            let outcome = try await registry.write(write, at: clockwork.wallMilliseconds, as: leadership)
            if outcome == .stale { engine?.operationFailed(head.id) }
        } catch {
            guard error.code == .damaged else { throw error }
            // It would be tried again for ever: it stands paused, with the reason, until somebody mends that.
            let refused = write.refused("the store's records do not allow it: \(error.message)")
            let outcome = try await registry.write(refused, at: clockwork.wallMilliseconds, as: leadership)
            if outcome == .stale { engine?.operationFailed(head.id) }
        }
    }

    private func askForCollection(_ backlog: Backlog<Input>) async {
        if mayHaveUnusedFiles || mayHaveOldOperations { await backlog.append(.collectFiles) }
    }

    /// Deletes operations that ended long ago; what cannot be deleted now is looked at again later.
    private func forgetOperations() async {
        guard mayHaveOldOperations else { return }
        mayHaveOldOperations = false
        do {
            try await registry.forgetOperations(at: clockwork.wallMilliseconds, as: leadership)
        } catch {
            mayHaveOldOperations = true
            logger.debug("old operations not deleted", metadata: ["error": "\(error.message)"])
        }
    }

    /// Deletes unit files that nothing uses any more; what cannot be deleted now is looked at again later.
    private func collectFiles() async {
        guard let engine, mayHaveUnusedFiles else { return }
        // A kind of a later version may need files that this one does not know of.
        guard !engine.state.operations.values.contains(where: \.isForeign) else { return }
        let unused = ClusterRegistry.unusedFiles(in: engine.state)
        mayHaveUnusedFiles = false
        guard !unused.isEmpty else { return }
        do {
            let deleted = try await registry.collectFiles(unused, unusedAt: revision, as: leadership)
            logger.debug("unused unit files deleted", metadata: ["files": "\(deleted.count)"])
        } catch {
            mayHaveUnusedFiles = true
            logger.debug("unused unit files not deleted", metadata: ["error": "\(error.message)"])
        }
    }

    /// Gives the lead up for good before anything else: only a new epoch shuts out what is still on its way.
    private func resign() async {
        while !Task.isCancelled {
            do {
                return try await registry.resign(leadership)
            } catch {
                logger.debug("lead not given up yet", metadata: ["error": "\(error.message)"])
                try? await clockwork.sleep(for: Self.pause)
            }
        }
    }

    private func tell(of brake: Brake?, before: Brake?) {
        if let brake, brake.lost != before?.lost {
            logger.error("\(brake)", metadata: ["machines": "\(brake.lost.map(\.short))"])
        } else if brake == nil, before != nil {
            logger.warning("the brake is released: machines that are missing count as lost")
        }
    }

    private func take(_ update: Registry.ClusterUpdate, at moment: Moment) {
        switch update {
        case .snapshot(let events, let revision, let problems):
            engine = Engine(events, revision: revision, lossWindow: lossWindow, isReread: hasRead, at: moment)
            hasRead = true
            report(problems)
            self.revision = revision
            mayHaveUnusedFiles = true
            mayHaveOldOperations = mayHaveOldOperations || events.contains(where: \.endsOperation)
        case .changes(let events, let revision, let problems):
            let before = engine?.brake
            engine?.tick(moment)
            engine?.handle(events, revision: revision)
            tell(of: engine?.brake, before: before)
            self.revision = revision
            mayHaveUnusedFiles = mayHaveUnusedFiles || events.contains(where: \.mayFreeFile)
            mayHaveOldOperations = mayHaveOldOperations || events.contains(where: \.endsOperation)
            report(problems)
        case .disconnected(let error):
            logger.warning("etcd is out of reach; decisions wait", metadata: ["error": "\(error.message)"])
        case .reconnected: logger.info("etcd is back; decisions go on")
        }
    }

    private func settle(_ steps: [ScheduleStep], _ outcome: CommitOutcome) {
        let stale = outcome.staleSteps
        let isStale = Set(stale)
        engine?.committed(steps.filter { !isStale.contains($0) }, at: outcome.revision)
        engine?.failed(stale)
    }

    /// Tells of keys that cannot be read, once each; they are left alone.
    private func report(_ problems: [RegistryProblem]) {
        guard problems != self.problems else { return }
        for problem in problems where !self.problems.contains(problem) {
            logger.warning(
                "a key in the store cannot be read and is left alone",
                metadata: ["etcd.key": "\(problem.key)", "error": "\(problem.reason)"])
        }
        self.problems = problems
    }
}

extension ScheduleStep {
    /// The step for a log line.
    var summary: String {
        let parts = changes.map { change in
            switch change {
            case .assign(let assignment): "\(assignment.target) on \(assignment.machine.short)"
            case .withdraw(let machine, _): "off \(machine.short)"
            }
        }
        return parts.joined(separator: ", ") + ": " + reason
    }
}

extension ClusterEvent {
    /// Whether a unit file may have lost its last user.
    fileprivate var mayFreeFile: Bool {
        switch self {
        case .unitPut, .unitGone, .assignmentPut, .assignmentGone: true
        default: false
        }
    }

    /// Whether it shows an operation at its end, or what is left of one that is gone.
    fileprivate var endsOperation: Bool {
        switch self {
        case .operationPut(let operation): !operation.isLiving
        default: false
        }
    }
}
