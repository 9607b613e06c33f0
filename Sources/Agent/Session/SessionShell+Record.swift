// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry
import Timing

/// The machine's record as it lies in the store, and what others do to it.
extension SessionShell {
    /// Notices what others do to this machine's record, which nobody but the machine writes.
    func followOwnRecord() async {
        while !Task.isCancelled {
            do {
                for try await update in registry.followOwnRecord(of: record.id) {
                    sighting = update
                    await settleRecord()
                }
            } catch {
                // Whether the store is another one, or does not let this machine in, its renewals find out and tell.
                logger.debug("this machine's record is not followed", metadata: ["error": "\(error)"])
            }
            try? await clockwork.sleep(for: core.timing.renewInterval)
        }
    }

    /// Mends the record if somebody has changed or deleted it since this machine wrote it.
    func settleRecord() async {
        guard !isRewriting, let lease = core.currentLease, recordRevision > 0 else { return }
        switch sighting {
        case .present(let token, let revision) where revision > recordRevision:
            guard token == record.token else {
                logger.error("another has written this machine's record: its units stop, and a new session begins")
                return await leaseGone(lease)
            }
            logger.warning("somebody has changed this machine's record; it is written anew")
            await rewrite(lease)
        case .absent(let revision) where revision > recordRevision:
            // Without it the machine counts as lost, and others may run what it runs by now. With its lease it goes, too.
            if (try? await etcd.withTimeout(core.timing.attemptTimeout).keepAlive(LeaseID(lease.id))) ?? nil != nil {
                logger.error("somebody has deleted this machine's record: its units stop, and a new session begins")
            }
            await leaseGone(lease)
        case .present, .absent, nil: break
        }
    }

    /// From now on others are to reach this machine at `address`, and to be told of `trouble`.
    package func announce(_ address: String, trouble: String?) async {
        addressTrouble = trouble ?? ""
        guard address != record.address || updateTrouble() else { return }
        if address != record.address {
            logger.notice(
                "this machine's address has changed", metadata: ["machine.address": "\(address)"])
            record.address = address
            _ = updateTrouble()
        }
        if let lease = core.currentLease { await rewrite(lease) }
    }

    /// From now on this machine is to be given no new units because of `trouble`; `nil` when it takes them again.
    package func announce(agentTrouble trouble: String?) async {
        agentTrouble = trouble ?? ""
        guard updateTrouble(), let lease = core.currentLease else { return }
        await rewrite(lease)
    }

    /// Gives the session up if others can do what this machine cannot, so that they take its units over; see `Surrender`.
    package func giveUp() async {
        guard let lease = core.currentLease, await mayGo() else { return }
        let asked = clockwork.now
        let turn: LeaseID
        do {
            let seconds = Surrender.turnLifetime(ttl: lease.ttl)
            guard let taken = try await registry.takeTurn(of: record.id, seconds: seconds) else {
                return hooks.status("keeps its units until it is its turn: \(agentTrouble)")
            }
            turn = taken
        } catch {
            return hooks.status("keeps its units: \(error.message); \(agentTrouble)")
        }
        // Who gave up before this machine had the turn is missing by now.
        guard await mayGo(), core.currentLease == lease else { return await registry.giveTurnBack(turn) }
        guard clockwork.now < asked + Surrender.validity else {
            hooks.status("keeps its units, since etcd took too long to say whose turn it is: \(agentTrouble)")
            return await registry.giveTurnBack(turn)
        }
        logger.error(
            "this machine gives its session up, so that others run its units", metadata: ["error": "\(agentTrouble)"])
        surrender()
    }

    private func mayGo() async -> Bool {
        let machines: [MachineRecord]
        do {
            machines = try await registry.machines()
        } catch {
            if error.isForUserAlone { await leaveUnheard(error) }
            return false
        }
        switch Surrender.verdict(of: record.id, among: machines) {
        case .mayGo: return true
        case .isOpen: return false
        case .tooFewAreLeft:
            hooks.status("keeps its units, since too few machines can take them: \(agentTrouble)")
            return false
        }
    }

    /// Gives the session up if nothing hangs on it: the store that refuses this machine does not say whether others do better either.
    ///
    /// Until it lets the machine in, no new session begins, so the machine is given no units. Where units are at work they go on
    /// (rule R12): it may be all machines that are refused.
    private func leaveUnheard(_ error: RegistryError) async {
        guard await !hooks.holdsUnits() else {
            return hooks.status("keeps its units, since etcd does not let this machine in: \(error.reason)")
        }
        logger.error(
            "this machine gives its session up, under which nothing runs, since etcd does not let it in",
            metadata: ["error": "\(error.reason)"])
        surrender()
    }

    /// Takes what is wrong with this machine into its record.
    ///
    /// - Returns: Whether the record says something else than before.
    func updateTrouble() -> Bool {
        if let error = etcd.clockError {
            clockTrouble = ClockTrouble.words(error, isTold: !clockTrouble.isEmpty) ?? ""
        }
        // Of a session that is on disk the last renewal alone is missing there.
        let isUnsaved = core.currentLease.map { !isOnDisk($0) } ?? false
        let sessionTrouble =
            isUnsaved && !saveTrouble.isEmpty
            ? "it starts nothing, since its session cannot be saved: \(saveTrouble)" : ""
        let troubles = [sessionTrouble, agentTrouble, clockTrouble, addressTrouble, standingTrouble]
        let trouble = troubles.filter { !$0.isEmpty }.joined(separator: "; ")
        guard trouble != record.trouble else { return false }
        record.trouble = trouble
        record.isClosed = !agentTrouble.isEmpty || !sessionTrouble.isEmpty
        if trouble.isEmpty {
            logger.notice("nothing is wrong with this machine any more")
            hooks.status("in the cluster")
        } else {
            logger.error("something is wrong with this machine", metadata: ["machine.trouble": "\(trouble)"])
            hooks.status("in the cluster, but \(trouble)")
        }
        return true
    }

    /// Writes the record anew within the session, which begins another tenure.
    func rewrite(_ lease: SessionLease) async {
        isRewriting = true
        defer { isRewriting = false }
        do {
            switch try await registry.register(record, lease: LeaseID(lease.id)) {
            case .registered(let revision):
                guard core.currentLease == lease else { return }
                recordRevision = max(recordRevision, revision)
                isRecordBehind = false
                lastRefusal = ""
                guard isOnDisk(lease) else { return }
                await hooks.enter(Tenure(machine: record.id, lease: LeaseID(lease.id), recordRevision: revision))
            case .taken: await leaseGone(lease)
            }
        } catch {
            isRecordBehind = true
            if error.message != lastRefusal {
                logger.warning("this machine's record is not written anew", metadata: ["error": "\(error.message)"])
            }
            lastRefusal = error.message
            if error.code == .sessionLost { await leaseGone(lease) }
        }
    }
}
