// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Plans that bring about one rare coincidence on purpose.
///
/// Random faults meet some of the protocol's rules too seldom to tell whether they hold. What the plan leaves open, such as who
/// leads and whether a message in a cut arrives late or never, is the seed's.
extension Plan {
    package enum Target: String, CaseIterable, Sendable {
        /// The leader's order is held up on its way, its answer never comes, the unit's user wants it elsewhere meanwhile, and
        /// then the order arrives while the leader does not look.
        case lateOrder
        /// A machine's claim is held up on its way until the unit is destroyed and forgotten, and then arrives.
        case lateClaim
    }

    package init(seed: UInt64, target: Target) {
        self.init(seed: seed, seconds: 40)
        setting.hosts = 3
        setting.members = 3
        setting.profile = .storm
        setting.hasSystemdTrouble = false
        let second = Span.second
        let start = 10 * second
        func user(_ time: Int64, _ operation: UserOperation) -> PlannedEvent {
            PlannedEvent(time: time, cause: .user(operation))
        }
        func fault(_ time: Int64, _ fault: Fault) -> PlannedEvent { PlannedEvent(time: time, cause: .fault(fault)) }
        switch target {
        case .lateOrder:
            // The first unit goes to the lowest machine, its second file to the only one with the role db.
            let unit = 1
            events = [
                fault(start, .cut(host: 2, member: 0, directions: 1, span: 6 * second)),
                user(start + second / 10, .submit(unit: unit, variant: 0, .launched)),
                user(start + 2 * second, .submit(unit: unit, variant: 2, .launched)),
                fault(start + 5 * second + second / 2, .agentFrozen(host: 2, span: 2 * second)),
            ]
        case .lateClaim:
            events = [
                fault(start, .cut(host: 0, member: 0, directions: 1, span: 9 * second)),
                user(start + second / 10, .submit(unit: 0, variant: 0, .launched)),
                user(start + 2 * second, .destroy(unit: 0)),
            ]
        }
    }
}
