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
        /// A machine's report is held up on its way until a newer one has been written, and then arrives.
        case lateReport
        /// A kept unit's new file is written, and then the machine loses its session before the unit is restarted.
        case replacedKept
        /// An agent dies between writing a unit's new file and making systemd read it.
        case halfInstalled
        /// A machine that cannot follow its schedule gives its session up, and others run its units.
        case givenUp
        /// A machine does not reach etcd's leader, the other members are down for less than that one needs to notice, and then the
        /// machine reaches none.
        case hiddenLeader
        /// A machine reaches no member of a store that goes down and is soon back: all that it hears of that, peers tell it.
        case toldByPeers
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
        case .lateReport:
            events = [
                user(start / 2, .submit(unit: 0, variant: 0, .launched)),
                fault(start, .cut(host: 0, member: 0, directions: 1, span: 9 * second)),
                fault(start + second / 10, .unitCrash(host: 0, unit: 0)),
                user(start + 2 * second, .restart(unit: 0)),
            ]
        case .replacedKept:
            // Alone, so that nobody takes it over.
            setting.hosts = 1
            let moment = start + Int64(8 + seed % 64) * Span.millisecond
            events = [
                user(start / 2, .submit(unit: 7, variant: 0, .launched)),
                user(start, .submit(unit: 7, variant: 1, .launched)),
                fault(moment, .agentFrozen(host: 0, span: 7 * second)),
            ]
        case .halfInstalled:
            let moment = start + Int64(8 + seed % 64) * Span.millisecond
            events = [
                user(start / 2, .submit(unit: 0, variant: 0, .launched)),
                user(start, .submit(unit: 0, variant: 1, .launched)),
                fault(moment, .agentDies(host: 0, span: second)),
            ]
        case .givenUp:
            setting.hosts = 3 + Int(seed % 3)
            setting.profile = .singleFailure
            setting.seconds = 60
            events = Catalogue.shared.units.indices.map { user(second, .submit(unit: $0, variant: 0, .launched)) }
            events.append(fault(start, .agentHindered(host: Int(seed / 3) % setting.hosts, span: .max)))
        case .hiddenLeader:
            let down = 300 * Span.millisecond
            let moment = start + Int64(seed % 128) * 10 * Span.millisecond
            events = Catalogue.shared.units.indices.map { user(second, .submit(unit: $0, variant: 0, .launched)) }
            events += [
                fault(moment - 2 * second, .cut(host: 0, member: 0, directions: 3, span: 12 * second)),
                fault(moment, .memberDown(1, span: down)),
                fault(moment, .memberDown(2, span: down)),
                fault(moment + second, .cut(host: 0, member: nil, directions: 3, span: 9 * second)),
            ]
        case .toldByPeers:
            setting.members = 1
            let moment = start + Int64(seed % 128) * 10 * Span.millisecond
            events = Catalogue.shared.units.indices.map { user(second, .submit(unit: $0, variant: 0, .launched)) }
            events += [
                fault(moment, .storeDown(span: 300 * Span.millisecond)),
                fault(moment - 100 * Span.millisecond, .cut(host: 0, member: nil, directions: 3, span: 12 * second)),
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
