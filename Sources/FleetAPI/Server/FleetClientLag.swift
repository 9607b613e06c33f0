// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets a stop that fleet's own client has asked for show up as late as with fleet.
///
/// `fleetctl restart` asks for `loaded`, then reads the unit every 250 ms until its current state is `launched`, then asks for
/// `launched`. With fleet the current state lags behind by an agent's period, so its first look finds `launched`. Here the
/// state is true at once: the client would wait for ever, and the unit would stay stopped. So for a moment such a client, and
/// no other, still reads `launched` of that one unit.
package final class FleetClientLag: Sendable {
    /// How long: two looks of the client, and some.
    package static let span: Duration = .milliseconds(600)
    /// What fleet's client, which Google's generator made, calls itself.
    private static let agent = "google-api-go-client"
    /// More stops at a time than this are forgotten, the oldest first.
    private static let limit = 1000

    private let now: @Sendable () -> ContinuousClock.Instant
    private let stops = Mutex<[(name: String, end: ContinuousClock.Instant)]>([])

    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// Takes note that a unit's target was set; only a stop of a unit that was launched lags.
    func note(_ name: String, isStop: Bool, _ request: ServerRequest) {
        guard Self.isFleetClient(request) else { return }
        let now = now()
        stops.withLock { stops in
            stops.removeAll { $0.name == name || $0.end <= now }
            guard isStop else { return }
            if stops.count >= Self.limit { stops.removeFirst() }
            stops.append((name, now + Self.span))
        }
    }

    /// Whether this request still reads the unit as launched.
    func holds(_ name: String, for request: ServerRequest) -> Bool {
        guard Self.isFleetClient(request) else { return false }
        let now = now()
        return stops.withLock { stops in stops.contains { $0.name == name && $0.end > now } }
    }

    static func isFleetClient(_ request: ServerRequest) -> Bool {
        request.values(of: "user-agent").contains { $0.contains(agent) }
    }
}
