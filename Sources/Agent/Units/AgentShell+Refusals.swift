// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry
import Timing

/// A store that does not take what this machine writes of its units: it refuses its login, or its rights.
///
/// The session may live all the same, for a renewal needs neither. So the machine would be given units that it may not start.
extension AgentShell {
    /// From one try to the next whether the store takes writes again.
    private static let writeInterval = Duration.seconds(2)

    /// Whether units are at work here that the end of the session would stop.
    package func holdsUnits() async -> Bool { await !folder.fencedUnits().isEmpty }

    /// A write to the store failed; one that is refused to this machine alone concerns every unit.
    ///
    /// - Parameters:
    ///   - what: What was not done, for the log, which tells a reason once until it changes.
    ///   - error: Why.
    ///   - isToldAlways: Whether people want to know it also where the store is only away.
    func notTaken(_ what: String, _ error: RegistryError, isToldAlways: Bool = false) {
        if error.isForUserAlone || isToldAlways, error.reason != lastRefusal {
            lastRefusal = error.reason
            logger.warning("\(what)", metadata: ["error": "\(error.message)"])
        } else {
            logger.debug("\(what)", metadata: ["error": "\(error.message)"])
        }
        guard error.isForUserAlone else { return }
        let step = writePatience.failed(at: clockwork.now, holdsUnits: holdsOrders ?? true)
        guard step > .wait else { return }
        // Told once: each word of it begins another tenure.
        change { $0.writes = $0.writes ?? "it can claim and report no units: \(error.reason)" }
        guard step == .giveUp else { return }
        guard case .store(let cause) = error.code, cause.code == .loginRefused else { return troubleHooks.giveUp() }
        // A login that is right again is remembered as refused for up to 30 s: nothing is stopped for that.
        clockwork.spawn { if await !self.holdsUnits() { self.troubleHooks.giveUp() } }
    }

    /// The store has taken a write.
    func taken() {
        lastRefusal = ""
        guard writePatience.isFailing || trouble.writes != nil else { return }
        writePatience.succeeded()
        change { $0.writes = nil }
    }

    /// Tries whether the store takes writes again that it refused, until cancelled: without orders nothing else would find it out.
    func watchWrites(_ tenure: Tenure) async {
        while (try? await clockwork.sleep(for: Self.writeInterval)) != nil {
            guard trouble.writes != nil else { continue }
            do throws(RegistryError) {
                try await registry.tryStates(in: tenure)
                taken()
            } catch {
                notTaken("unit states cannot be written", error)
            }
        }
    }
}
