// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Logging

extension SystemdManager {
    /// Connects, and keeps connected from then on.
    ///
    /// - Throws: The last endpoint's error when none of them answers; nothing is then tried again until the next call.
    package func connect() async throws(SystemdError) {
        switch link {
        case .up: return
        case .closed: throw Self.closedError
        case .idle, .connecting, .waiting: break
        }
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Void, SystemdError>, Never>) in
            connectWaiters.append(continuation)
            if case .idle = link { open(from: 0) }
        }
        try result.get()
    }

    /// Ends the connection for good: calls and waits under way fail, streams end.
    package func close() {
        if case .closed = link { return }
        let connection = connection
        link = .closed
        retry?.cancel()
        retry = nil
        serve(nil)
        connection?.close()
        jobs.failAll(Self.closedError)
        answerConnect(.failure(Self.closedError))
        for listener in listeners.values { listener.finish() }
        listeners = [:]
    }

    private static let closedError = SystemdError(
        code: .cancelled, message: "systemd: the connection was closed on purpose and cannot be used any more")

    /// Tries the endpoints from the given one on.
    private func open(from first: Int, after previous: SystemdError? = nil) {
        var failure = previous
        for index in endpoints.indices.dropFirst(first) {
            do throws(SystemdError) {
                let connection = try BusConnection(endpoints[index], timeout: callTimeoutMicroseconds)
                return shakeHands(connection, index: index)
            } catch {
                failure = error
            }
        }
        giveUp(
            failure
                ?? SystemdError(
                    code: .unreachable, message: "systemd: no address is known to connect to, set XDG_RUNTIME_DIR"))
    }

    private var callTimeoutMicroseconds: UInt64 {
        let (seconds, attoseconds) = configuration.callTimeout.components
        return UInt64(clamping: seconds) * 1_000_000 + UInt64(clamping: attoseconds / 1_000_000_000_000)
    }

    /// Sends what must precede everything else; the connection counts as up once systemd has answered all of it.
    ///
    /// On a brokered bus the rules come first, so that no signal is lost between subscription and rule.
    private func shakeHands(_ connection: BusConnection, index: Int) {
        link = .connecting(connection)
        ownerName = nil
        serve(connection)
        connection.onSignal = { [weak self] message in self?.assumeIsolated { $0.received(message) } }
        connection.onLoss = { [weak self] error in self?.assumeIsolated { $0.lost(error, index: index) } }
        if !connection.endpoint.isDirect {
            for rule in MatchRule.always {
                connection.call(.broker("AddMatch", rule)) { [weak self] in self?.checkHandshake($0, connection, index)
                }
            }
            connection.call(.broker("GetNameOwner", "org.freedesktop.systemd1")) { [weak self] reply in
                self?.assumeIsolated { manager in
                    let owner = Self.decode(reply, "GetNameOwner") { reader throws(SystemdError) in
                        try reader.string()
                    }
                    if case .success(let name) = owner, manager.connection === connection { manager.ownerName = name }
                    manager.checkHandshake(reply, connection, index)
                }
            }
        }
        connection.call(.manager("Subscribe")) { [weak self] reply in
            self?.assumeIsolated { manager in
                if case .failure(let error) = reply, error.busName != "org.freedesktop.systemd1.AlreadySubscribed" {
                    return manager.checkHandshake(reply, connection, index)
                }
                manager.established(connection)
            }
        }
    }

    /// Moves on to the next endpoint when a step of the handshake is refused.
    private nonisolated func checkHandshake(
        _ reply: Result<BusMessage, SystemdError>, _ connection: BusConnection, _ index: Int
    ) {
        guard case .failure(let error) = reply else { return }
        assumeIsolated { manager in
            // Losing the connection fails every step, and each but the first finds the link changed already.
            guard case .connecting(let current) = manager.link, current === connection, connection.isOpen else {
                return
            }
            manager.lost(error, index: index)
            connection.close()
        }
    }

    private func established(_ connection: BusConnection) {
        guard case .connecting(let current) = link, current === connection else { return }
        link = .up(connection)
        let isReturn = wasUp
        if failures > 0 {
            logger.info("systemd is reachable again", metadata: ["bus.address": "\(connection.endpoint)"])
        }
        wasUp = true
        failures = 0
        watches.connectionChanged()
        updateMatches()
        answerConnect(.success(()))
        guard isReturn else { return }
        tell(.reconnected)
        refresh(watches.names)
    }

    /// The connection under `index` is of no use any more.
    private func lost(_ error: SystemdError, index: Int) {
        switch link {
        case .connecting:
            serve(nil)
            link = .idle
            open(from: index + 1, after: error)
        case .up:
            serve(nil)
            giveUp(error)
        case .idle, .waiting, .closed: return
        }
    }

    /// No endpoint is left, or the connection that was up is lost.
    private func giveUp(_ error: SystemdError) {
        let wasConnected = if case .up = link { true } else { false }
        link = .idle
        ownerName = nil
        var reason = error
        reason.isTransient = wasUp || error.isTransient
        jobs.failAll(
            SystemdError(
                code: .disconnected, message: "systemd: the job's result is unknown, for the connection ended",
                isTransient: true))
        if wasConnected { tell(.disconnected(reason)) }
        answerConnect(.failure(reason))
        guard wasUp else { return }
        failures += 1
        logger.log(
            level: failures <= configuration.loudAttempts ? .warning : .debug, "systemd is not reachable",
            metadata: ["error.code": "\(error.code)", "error.cause": "\(error.message)", "attempt": "\(failures)"])
        link = .waiting
        let pause = pauseBeforeRetry
        retry = Task { [weak self] in
            // Cancelled means closed, and then there is nothing to try again.
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            await self?.openAgain()
        }
    }

    private var pauseBeforeRetry: Duration {
        let doublings = min(failures - 1, 16)
        return min(configuration.firstPause * (1 << doublings), configuration.longestPause)
    }

    private func openAgain() {
        guard case .waiting = link else { return }
        link = .idle
        open(from: 0)
    }

    private func answerConnect(_ result: Result<Void, SystemdError>) {
        let waiters = connectWaiters
        connectWaiters = []
        for waiter in waiters { waiter.resume(returning: result) }
    }

    /// systemd itself went away from, or came back to, a broker that stayed.
    ///
    /// A systemd that replaces itself hands the name over without a gap, which is a loss and a return in one.
    func ownerChanged(from old: String, to new: String) {
        guard case .up(let connection) = link else { return }
        ownerName = new.isEmpty ? nil : new
        if !old.isEmpty {
            let loss = SystemdError(
                code: .disconnected, message: "systemd: it left the bus, the results of its jobs are unknown",
                isTransient: true)
            jobs.failAll(loss)
            tell(.disconnected(loss))
        }
        guard !new.isEmpty else { return }
        // Refused as "already subscribed" when systemd has kept that in mind.
        connection.call(.manager("Subscribe")) { _ in }
        tell(.reconnected)
        refresh(watches.names)
    }
}
