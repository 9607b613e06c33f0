// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Timing

/// What keeps this machine from doing what it is ordered, whatever the unit (rules R11 and R12).
///
/// While there is any, the machine says so in its record, keeps its units, and is given no new ones.
package struct AgentTrouble: Hashable, Sendable {
    /// The orders of this machine cannot be read or carried out.
    var schedule: String?
    /// Nothing can be written to the runtime folder, so no new unit can be taken.
    var storage: String?
    /// The store takes nothing that this machine writes of its units, so none can be claimed.
    var writes: String?

    /// In one line for people; `nil` when all is well.
    package var words: String? {
        let words = [schedule, storage, writes].compactMap(\.self).joined(separator: "; ")
        return words.isEmpty ? nil : words
    }

    /// What is said of a runtime folder when a file cannot be written for the reason that `error` tells.
    static func words(of error: HostError) -> String {
        let lack = error.storage == .scarce ? "has no room for a unit file of 64 KiB" : "takes no files"
        let words = "it takes no new units, since its runtime folder \(lack) (\(error.message))"
        guard let advice = error.storage?.advice else { return words }
        return "\(words); \(advice)"
    }
}

/// What the agent's shell has the session's shell know.
package enum AgentNews: Sendable {
    case trouble(String?)
    case patienceEnded
}

extension AgentShell {
    /// What the rest of the agent does about trouble.
    ///
    /// Neither may wait for this agent: both end its tenure.
    package struct TroubleHooks: Sendable {
        /// Tells the cluster; `nil` when all is well again.
        var announce: @Sendable (String?) -> Void
        /// Gives the session up, if the other machines do better, so that they take this machine's units over.
        var giveUp: @Sendable () -> Void

        package init(
            announce: @escaping @Sendable (String?) -> Void = { _ in }, giveUp: @escaping @Sendable () -> Void = {}
        ) {
            self.announce = announce
            self.giveUp = giveUp
        }
    }

    private static let probeInterval = Duration.seconds(2)

    /// The schedule could not be followed, once more; `holdsOrders` says whether it names units, where that is known.
    func cannotFollow(_ reason: String, holdsOrders: Bool?) async {
        var holdsUnits = holdsOrders ?? false
        if holdsOrders == nil { holdsUnits = await !folder.files().isEmpty }
        let step = patience.failed(at: clockwork.now, holdsUnits: holdsUnits)
        guard step > .wait else { return }
        // Told once: each word of it begins another tenure.
        change { $0.schedule = $0.schedule ?? "it cannot follow its schedule: \(reason)" }
        if step == .giveUp { troubleHooks.giveUp() }
    }

    func follows() {
        patience.succeeded()
        change { $0.schedule = nil }
    }

    /// A write to the runtime folder failed; one that fails for want of space concerns every unit.
    func note(_ error: HostError) {
        guard error.storage != nil else { return }
        // Told once, by the first file: each word of it begins another tenure.
        change { $0.storage = $0.storage ?? AgentTrouble.words(of: error) }
    }

    /// The guard's list cannot be written, whatever the reason: no new unit can be started (rule R1).
    func cannotGuard(_ error: HostError) {
        change {
            $0.storage = "it takes no new units, since the guard's list of them cannot be written (\(error.message))"
        }
    }

    /// Looks whether the machine can take units: one that cannot must not be given any to find it out by; until cancelled.
    func watchStorage() async {
        while (try? await clockwork.sleep(for: Self.probeInterval)) != nil { await lookAtStorage() }
    }

    /// Looks once whether the machine can take units; `isFirst` says that nobody has tried the guard's list in this run.
    package func lookAtStorage(isFirst: Bool = false) async {
        do throws(HostError) {
            try await folder.probe()
        } catch {
            change { $0.storage = $0.storage ?? AgentTrouble.words(of: error) }
            return
        }
        guard isFirst || trouble.storage != nil else { return }
        do throws(HostError) {
            try await guardControl.list(fenced: await folder.fencedUnits(), isProbe: true)
        } catch {
            if trouble.storage == nil { cannotGuard(error) }
            return
        }
        change { $0.storage = nil }
    }

    func change(_ change: (inout AgentTrouble) -> Void) {
        var next = trouble
        change(&next)
        guard next != trouble else { return }
        trouble = next
        // Whoever is told logs it, with what else is wrong with the machine.
        troubleHooks.announce(next.words)
    }
}
