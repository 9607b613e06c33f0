// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetCore
import Logging
import Registry
import Timing

/// One run of the agent that consists of the shells that ship, wired as `NodeAgentProgram.run` wires them.
final class ShippedProcess: HostProcess, @unchecked Sendable {
    private(set) lazy var own = WorldClockwork(world: world, process: self)
    /// What the shells go by: the machine's own clock, unless that is what is broken.
    private lazy var clockwork: any Clockwork = world.brokenPort == .stillClock ? StillClockwork(own) : own
    private lazy var guardControl = WorldGuard(host: host)
    private lazy var units = WorldSystemd(process: self)
    /// What does not end by itself.
    private var tasks: [Task<Void, Never>] = []
    private var whenEnded: (() -> Void)?
    private(set) var session: Agent.SessionShell?
    private(set) var registry: ClusterRegistry?
    private var election: Agent.ElectionShell?
    private var agent: Agent.AgentShell?

    override func start() {
        let host = host
        let keeper = WorldKeeper(host: host)
        var saved =
            host.runtime.saved
            ?? Agent.SavedSession.none(bootID: "boot-\(host.index)-\(host.bootCount)", clockwork: clockwork)
        if !guardControl.prepare(), saved.sessionLease != nil {
            saved.mustFence = true
            host.runtime.saved = saved
        }
        var logger = Logger(label: host.name) { _ in StoryLogHandler(host) }
        logger.logLevel = .info
        let known = StoreKnowledge(world: world, clusterID: saved.storeID, revision: saved.expectedRevision)
        let store = WorldStore(process: self, clockwork: own, known: known) { [self] in
            own.spawn { [self] in await self.session?.connectionLost() }
        }
        let registry = ClusterRegistry(store: store, clockwork: clockwork)
        self.registry = registry
        let agent = Agent.AgentShell(
            registry: registry, units: units, folder: WorldFiles(host: host), processes: units, machine: host.id,
            guardControl: guardControl,
            troubleHooks: Agent.AgentShell.TroubleHooks(
                announce: { [self] words in own.spawn { [self] in await self.session?.announce(agentTrouble: words) } },
                giveUp: { [self] in own.spawn { [self] in await self.session?.giveUp() } }),
            clockwork: clockwork, logger: logger)
        let peers = Peers(
            registry: registry, machine: host.id, caller: WorldPeers(process: self, clockwork: own), roster: keeper,
            clockwork: clockwork)
        let election = Agent.ElectionShell(
            registry: registry, machine: host.id, lossWindow: .seconds(SessionShell.ttl),
            handover: LeadHandover(
                askPeers: { await peers.resign($0, within: .seconds(SessionShell.ttl) / 2) },
                leave: { [self] in await self.session?.surrender() }, status: { [self] in tell($0) }),
            clockwork: clockwork, logger: logger)
        let session = Agent.SessionShell(
            registry: registry, etcd: store,
            record: MachineRecord(
                id: host.id, name: host.name, address: "192.0.2.\(host.index + 1)", metadata: host.metadata,
                apiAddress: "\(host.index)", bootID: saved.bootID, token: saved.token),
            saved: saved, file: keeper, ttl: SessionShell.ttl, guardControl: guardControl, peers: peers,
            hooks: Agent.SessionShell.Hooks(
                enter: { tenure in
                    await agent.enter(tenure)
                    await election.sessionEntered(tenure.lease)
                },
                fence: { [self] kill in
                    if isAlive { world.observer.fenced(self.host.index) }
                    await election.sessionLeft()
                    await agent.fence(kill: kill)
                },
                status: { [self] in tell($0) }, holdsUnits: { await agent.holdsUnits() }),
            clockwork: clockwork, logger: logger)
        (self.agent, self.election, self.session) = (agent, election, session)
        tasks = [
            own.spawn { [self] in
                await agent.lookAtStorage(isFirst: true)
                await session.announce(agentTrouble: await agent.trouble.words)
                await session.run()
                await election.stop()
                await agent.endTenure()
                sessionEnded()
            },
            own.spawn { await election.run() }, own.spawn { await peers.follow() },
        ]
    }

    private func tell(_ words: String) { world.note { "\(host.name): \(words)" } }

    // MARK: Ends

    override func stopForRestart(_ done: @escaping () -> Void) {
        whenEnded = done
        enter { [self] in
            own.spawn { [self] in
                await election?.stop()
                await agent?.endTenure()
                finish()
            }
        }
    }

    override func leave(_ done: @escaping () -> Void) {
        whenEnded = done
        enter { [self] in
            own.spawn { [self] in
                await election?.stop()
                await self.session?.prepareToLeave()
                await agent?.stopAll(within: .seconds(60))
                await self.session?.stop()
                // The end of the session ends the program; this only bounds that.
                try? await own.sleep(for: .seconds(5))
                finish()
            }
        }
    }

    private func sessionEnded() { if whenEnded != nil { finish() } }

    private func finish() {
        let done = whenEnded
        whenEnded = nil
        // Not out of a job: what it does ends this process.
        if let done { world.after(0, done) }
    }

    /// The history is over: ends all tasks, so that nothing of it is left in memory.
    func retire() {
        kill()
        for task in tasks { task.cancel() }
        own.spawn { [self] in await agent?.endTenure() }
        tasks = []
    }
}
