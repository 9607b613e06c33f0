// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry

/// Whether the store is the one that holds the session, and what is told of it.
extension SessionShell {
    /// Whether the store that renewed our lease has lost what came after it: other parts of the agent have found less history.
    ///
    /// One that was restored from an earlier state may hold the lease. A renewal does not tell, since it shows no history.
    func isStoreSetBack() async -> Bool {
        guard etcd.seesAnotherStore else { return false }
        do {
            return try await !isOwnStore()
        } catch {
            return error.code == .storeReplaced
        }
    }

    /// Whether the store that answers bears the mark of the one that holds our session.
    ///
    /// - Throws: `.storeReplaced` when it has less history; other codes when it cannot be asked.
    func isOwnStore() async throws(EtcdError) -> Bool {
        let found = try await etcd.withTimeout(core.timing.attemptTimeout).get(.key(registry.keys.mark), revision: 0)
        guard let mark = saved.storeMark else { return true }
        return found.keys.first.map { String(decoding: $0.value, as: UTF8.self) } == mark
    }

    /// Notes the mark of the store in which this machine has just registered.
    func noteMark() async {
        do {
            saved.storeMark = try await registry.makeMark() ?? saved.storeMark
        } catch {
            logger.debug("the store's mark is not known", metadata: ["error": "\(error.message)"])
        }
    }

    func tell(_ report: SessionCore.Report) {
        switch report {
        case .machineIDTaken: break
        case .renewalsFailing: logger.warning("session renewals fail; looking for a proof that the session still lives")
        case .coveredByNoQuorum:
            logger.warning("etcd has no quorum: no session can end now, so units go on")
            hooks.status("etcd is down or has no quorum; units go on")
        case .recovered:
            logger.info("session renewed again")
            hooks.status("in the cluster")
        case .guardFired:
            logger.error("the guard has stopped this machine's units while the agent was held up; a new session begins")
            hooks.status("fenced by the guard")
        case .fencing:
            logger.error("session cannot be proved: stopping this machine's units before others take them over")
            hooks.status("fenced: no proof that the session lives")
        case .keptOut:
            logger.error("this machine is kept from its work: stopping its units, so that others take them over")
            hooks.status("fenced: kept from its work")
        case .foreignStore:
            logger.error(
                """
                etcd lost its data or is another cluster's: nothing is stopped, nothing is taken on; restore etcd, or \
                join what is there now with "cluster-manager cluster adopt" (this machine alone: "node-agent adopt"), which \
                stops units that it does not know
                """)
            if case .suspended(let lease) = core.phase {
                saved.isRefused = true
                save(lease)
            }
            hooks.status("refused: etcd is not the store of this session; units go on")
        }
    }
}
