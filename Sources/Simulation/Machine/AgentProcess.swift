// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// One run of the agent that consists of mirrors of its shells.
final class AgentProcess: HostProcess {
    private(set) lazy var session = SessionShell(process: self)
    private(set) lazy var election = ElectionShell(process: self)
    private(set) lazy var agent = AgentShell(process: self)
    /// The session has connections of its own.
    private(set) lazy var sessionClient = StoreClient(process: self)
    private(set) lazy var client = StoreClient(process: self)
    private(set) lazy var guardControl = GuardControl(host: host)
    private var isStopping = false

    /// Mirrors `NodeAgentProgram.run`.
    override func start() {
        sessionClient.expectedGeneration = host.runtime.session.storeGeneration
        client.expectedGeneration = host.runtime.session.storeGeneration
        if !guardControl.prepare(), host.runtime.session.lease != nil { host.runtime.session.mustFence = true }
        election.run()
        session.run()
    }

    override func kill() {
        super.kill()
        agent.scope.cancel()
        election.kill()
    }

    // MARK: Ending in order

    override func stopForRestart(_ done: @escaping () -> Void) {
        guard !isStopping else { return }
        isStopping = true
        enter { [self] in
            election.stop { [self] in
                agent.endTenure()
                done()
            }
        }
    }

    override func leave(_ done: @escaping () -> Void) {
        guard !isStopping else { return }
        isStopping = true
        enter { [self] in
            election.stop { [self] in
                host.runtime.session.mustFence = true
                agent.stopAll { [self] in
                    session.stop(done)
                }
            }
        }
    }
}
