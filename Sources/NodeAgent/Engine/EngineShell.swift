// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry

/// Runs the engine for one leadership: feeds it what the store says, commits what it decides.
actor EngineShell {
    enum End: Sendable {
        /// Another epoch has begun, or an answer was lost and a new epoch must shut out what is still on its way.
        case deposed
        case cancelled
    }

    private let registry: ClusterRegistry
    private let leadership: Leadership
    /// How long losses of machines count together (rule R10): the lifetime of their sessions.
    private let lossWindow: Duration
    private let logger: Logger
    private var engine: Engine?
    private var problems: [RegistryProblem] = []
    private var revision: Int64 = 0
    /// A unit or an assignment changed since files were last collected.
    private var mayHaveUnusedFiles = false

    init(registry: ClusterRegistry, leadership: Leadership, lossWindow: Duration, logger: Logger) {
        self.registry = registry
        self.leadership = leadership
        self.lossWindow = lossWindow
        self.logger = logger
    }

    /// From one round of a refused commit to the next, so that a full or ailing store is not asked without pause.
    private static let pause = Duration.milliseconds(500)
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
        let backlog = Backlog<Input>()
        return await withTaskGroup(of: End.self) { group in
            group.addTask {
                do {
                    for try await update in self.registry.follow() {
                        await backlog.append(.update(update, BootClock.now))
                    }
                } catch {
                    self.logger.error("cannot follow the cluster", metadata: ["error": "\(error)"])
                }
                // Without news there is nothing to decide on: another epoch begins with a fresh reading.
                await self.resign()
                return Task.isCancelled ? .cancelled : .deposed
            }
            group.addTask { await self.decide(backlog) }
            group.addTask {
                while (try? await Task.sleep(for: Self.collectionInterval)) != nil {
                    await self.askForCollection(backlog)
                }
                return .cancelled
            }
            let end = await group.next() ?? .cancelled
            group.cancelAll()
            return end
        }
    }

    /// Takes in everything that has come, plans once, commits, and begins again.
    private func decide(_ backlog: Backlog<Input>) async -> End {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        while !Task.isCancelled {
            let inputs = await backlog.takeAll()
            if inputs.isEmpty { return .cancelled }
            var isCollecting = false
            for input in inputs {
                switch input {
                case .update(let update, let moment): take(update, at: moment)
                case .collectFiles: isCollecting = true
                case .woke: break
                }
            }
            if isCollecting { await collectFiles() }
            engine?.tick(BootClock.now)
            let brake = engine?.brake
            guard let plan = engine?.plan() else { continue }
            tell(of: engine?.brake, before: brake)
            timer?.cancel()
            timer = engine?.wake.map { moment in
                Task {
                    await BootClock.sleep(until: moment)
                    if !Task.isCancelled { await backlog.append(.woke) }
                }
            }
            let steps = plan.steps
            guard !steps.isEmpty || !plan.notes.isEmpty else { continue }
            for step in steps {
                logger.info("schedule", metadata: ["unit.name": "\(step.unit)", "schedule.change": "\(step.summary)"])
            }
            do {
                try await registry.write(plan.notes, at: BootClock.wallMilliseconds, as: leadership)
                let outcome = try await registry.commit(steps, as: leadership)
                if outcome.isDeposed { return .deposed }
                settle(steps, outcome)
            } catch  where error.code == .deposed {
                return .deposed
            } catch {
                logger.warning("plan not committed", metadata: ["error": "\(error.message)"])
                // Whether it happened is unknown, or the store is ailing: a new epoch tells, and shuts out what is late.
                await resign()
                try? await Task.sleep(for: Self.pause)
                return .deposed
            }
            // What was refused is decided anew on the news that made it stale, which is on its way.
        }
        return .cancelled
    }

    private func askForCollection(_ backlog: Backlog<Input>) async {
        if mayHaveUnusedFiles { await backlog.append(.collectFiles) }
    }

    /// Deletes unit files that nothing uses any more; what cannot be deleted now is looked at again later.
    private func collectFiles() async {
        guard let engine else { return }
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
                try? await Task.sleep(for: Self.pause)
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
            engine = Engine(events, revision: revision, lossWindow: lossWindow, at: moment)
            report(problems)
            self.revision = revision
            mayHaveUnusedFiles = true
        case .changes(let events, let revision, let problems):
            let before = engine?.brake
            engine?.tick(moment)
            engine?.handle(events, revision: revision)
            tell(of: engine?.brake, before: before)
            self.revision = revision
            mayHaveUnusedFiles = mayHaveUnusedFiles || events.contains(where: \.mayFreeFile)
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

/// What has come and was not yet taken, for a consumer that takes everything at once.
actor Backlog<Element: Sendable> {
    private var elements: [Element] = []
    private var waiting: CheckedContinuation<Void, Never>?
    private var isClosed = false

    func append(_ element: Element) {
        elements.append(element)
        waiting?.resume()
        waiting = nil
    }

    /// Waits until there is something, then takes it all; empty only when the task is cancelled.
    func takeAll() async -> [Element] {
        if elements.isEmpty, !isClosed {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    if Task.isCancelled { continuation.resume() } else { waiting = continuation }
                }
            } onCancel: {
                Task { await self.close() }
            }
        }
        defer { elements = [] }
        return elements
    }

    private func close() {
        isClosed = true
        waiting?.resume()
        waiting = nil
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
}
