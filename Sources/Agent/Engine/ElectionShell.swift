// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore
package import Logging
package import Registry
package import Timing

/// Takes part in the election and runs the engine while this machine leads.
package actor ElectionShell {
    private let registry: ClusterRegistry
    private let machine: MachineID
    /// See `EngineShell`.
    private let lossWindow: Duration
    private let handover: LeadHandover
    private let clockwork: any Clockwork
    private let logger: Logger
    private var core: ElectionCore
    private var lease: LeaseID?
    private var timer: Task<Void, Never>?
    private var engine: Task<Void, Never>?
    /// What `engine` runs, and its lead.
    private var shell: (engine: EngineShell, leadership: Leadership)?
    /// Looks for the store's taking writes again, while the status says that this machine gave the lead up.
    private var mending: Task<Void, Never>?
    private let mendingInterval: Duration
    /// Why a campaign or a resignation last failed; told again when it is for another reason.
    private var lastRefusal = ""
    private let events: AsyncStream<ElectionCore.Event>
    private let inbox: AsyncStream<ElectionCore.Event>.Continuation

    package init(
        registry: ClusterRegistry, machine: MachineID, lossWindow: Duration, handover: LeadHandover = .nobody,
        mendingInterval: Duration = .seconds(2), clockwork: any Clockwork, logger: Logger
    ) {
        self.registry = registry
        self.machine = machine
        self.lossWindow = lossWindow
        self.handover = handover
        self.mendingInterval = mendingInterval
        self.clockwork = clockwork
        self.logger = logger
        core = ElectionCore(machine: machine)
        (events, inbox) = AsyncStream.makeStream()
    }

    /// Whether this machine leads now.
    var isLeading: Bool { if case .leading = core.phase { true } else { false } }

    /// From now on this machine may lead; after `pause` only, if it still has this session then.
    package func sessionEntered(_ lease: LeaseID, after pause: Duration = .zero) {
        self.lease = lease
        guard pause > .zero else { return inbox.yield(.sessionEntered).discard() }
        clockwork.spawn {
            try? await self.clockwork.sleep(for: pause)
            await self.sessionStands(lease)
        }
    }

    private func sessionStands(_ lease: LeaseID) {
        if self.lease == lease { inbox.yield(.sessionEntered) }
    }

    package func sessionLeft() {
        lease = nil
        mending?.cancel()
        mending = nil
        inbox.yield(.sessionLeft)
    }

    /// Gives the lead up, if held, and returns when nothing more is written under it.
    package func stop() async {
        for directive in core.handle(.stopping, at: clockwork.now) { await perform(directive) }
        inbox.finish()
    }

    /// Runs until `stop()` or cancellation.
    package func run() async {
        let watching = clockwork.spawn { await self.followLeader() }
        for await event in events {
            for directive in core.handle(event, at: clockwork.now) { await perform(directive) }
        }
        watching.cancel()
        timer?.cancel()
        await stopEngine()
        mending?.cancel()
    }

    /// Reports who leads; a machine that leads or follows needs nothing else of the cluster's state.
    private func followLeader() async {
        // Told once for each reason, not once a second.
        var told = ""
        while !Task.isCancelled {
            do {
                for try await update in registry.followLeader() {
                    told = ""
                    guard case .leader(let leadership, _) = update else { continue }
                    inbox.yield(.observed(leadership))
                }
            } catch {
                let reason = "\(error)"
                if reason != told { logger.error("cannot follow who leads", metadata: ["error": "\(reason)"]) }
                told = reason
            }
            try? await clockwork.sleep(for: .seconds(1))
        }
    }

    private func perform(_ directive: ElectionCore.Directive) async {
        switch directive {
        case .campaign: await campaign()
        case .lead(let leadership):
            logger.info("leading", metadata: ["engine.epoch": "\(leadership.epoch)"])
            await stopEngine()
            let shell = EngineShell(
                registry: registry, leadership: leadership, lossWindow: lossWindow, handover: handover,
                clockwork: clockwork, logger: logger)
            self.shell = (shell, leadership)
            engine = clockwork.spawn { [inbox] in
                if await shell.run() == .deposed { inbox.yield(.deposed) }
            }
        case .stepDown:
            logger.info("no longer leading")
            await stopEngine(isTelling: true)
        case .resign(let leadership):
            do {
                try await registry.resign(leadership)
            } catch {
                warn("lead not given up in order; it ends with the session", error)
            }
        case .wake(let moment):
            timer?.cancel()
            timer = clockwork.spawn { [inbox, clockwork] in
                await clockwork.sleep(until: moment)
                if !Task.isCancelled { inbox.yield(.woke) }
            }
        }
    }

    private func campaign() async {
        guard let lease else { return inbox.yield(.campaignFailed).discard() }
        do {
            let won = try await registry.campaign(machine: machine, lease: lease)
            lastRefusal = ""
            mended()
            if let leadership = won {
                inbox.yield(.won(leadership))
            } else {
                inbox.yield(.lost)
            }
        } catch {
            if error.isTransient {
                logger.debug("campaign failed", metadata: ["error": "\(error.message)"])
            } else {
                warn("nobody leads, and the store does not let this machine lead", error)
            }
            inbox.yield(.campaignFailed)
        }
    }

    /// Tells of a refusal once, since each is tried again without end.
    private func warn(_ what: Logger.Message, _ error: RegistryError) {
        if error.message != lastRefusal { logger.warning(what, metadata: ["error": "\(error.message)"]) }
        lastRefusal = error.message
    }

    private func stopEngine(isTelling: Bool = false) async {
        engine?.cancel()
        await engine?.value
        engine = nil
        let former = shell
        shell = nil
        // Who has left the session has other things to say.
        guard isTelling, let former, let words = await former.engine.parting, let lease else { return }
        handover.status(words)
        mending?.cancel()
        mending = clockwork.spawn { await self.watchMending(of: former.leadership, lease) }
    }

    /// Tries whether the store takes this machine's writes again, where another leads and no campaign would show it.
    private func watchMending(of leadership: Leadership, _ lease: LeaseID) async {
        // Of a lead that is over nothing is written, but the store looks for the right to it first.
        let unit = UnitName(unchecked: "none.service")
        let step = ScheduleStep(unit: unit, changes: [.withdraw(machine, unit)], reason: "try")
        while (try? await clockwork.sleep(for: mendingInterval)) != nil, self.lease == lease {
            guard (try? await registry.commit([step], as: leadership)) != nil else { continue }
            if !Task.isCancelled { mended() }
            return
        }
    }

    /// The store has taken what this machine wrote, so the status need not say any more that it does not.
    private func mended() {
        guard let mending else { return }
        mending.cancel()
        self.mending = nil
        if lease != nil { handover.status("in the cluster") }
    }
}

extension AsyncStream.Continuation.YieldResult {
    /// Says that it does not matter whether somebody still listens.
    func discard() {}
}
