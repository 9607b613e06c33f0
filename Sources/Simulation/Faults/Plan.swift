// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What kind of cluster a run is about.
package struct Setting: Sendable {
    package enum Profile: String, Sendable {
        /// Any faults, any operations.
        case storm
        /// One machine fails in a cluster at rest: rule R3 to the letter.
        case singleFailure
        /// etcd comes and goes, everything else is well: rule R4 to the letter.
        case storeOutage
        /// Most machines vanish at once: rule R10 to the letter.
        case massLoss
        /// etcd loses its data: rule R8.
        case storeLoss
        /// A storm, and machines whose agents cannot follow their schedules: rule R12.
        case hindered
    }

    package var seed: UInt64
    package var hosts: Int
    package var members: Int
    package var seconds: Int
    package var profile: Profile
    /// Changes in one transaction of the engine at most.
    package var operationLimit: Int
    /// systemd refuses orders now and then.
    package var hasSystemdTrouble: Bool
}

/// Something that happens to a run from outside.
package struct PlannedEvent: Sendable {
    package enum Cause: Sendable {
        case user(UserOperation)
        case fault(Fault)
    }

    /// Nanoseconds since the run began.
    package var time: Int64
    package var cause: Cause
}

package enum UserOperation: Sendable, Equatable {
    case submit(unit: Int, variant: Int, TargetState)
    case target(unit: Int, TargetState)
    case restart(unit: Int)
    case destroy(unit: Int)
    /// Lays a role over a machine's own; `nil` takes it away.
    case metadata(host: Int, role: String?)
    /// `nil` takes it back.
    case control(host: Int, isDraining: Bool?)
    case releaseBrake
}

/// A fault with the time that it lasts, in nanoseconds.
package enum Fault: Sendable, Equatable {
    /// No messages between a machine and the members (`nil`: all of them), in one direction (1, 2) or both (3).
    case cut(host: Int, member: Int?, directions: Int, span: Int64)
    case slowNetwork(host: Int, by: Int64, span: Int64)
    case memberDown(Int, span: Int64)
    case storeDown(span: Int64)
    case memberPaused(Int, span: Int64)
    case memberIsolated(Int, span: Int64)
    case leaderMoved
    case slowCommits(by: Int64, span: Int64)
    case lostAnswers(perMille: Int, span: Int64)
    case compaction
    case cutWatches
    case storeWiped
    case agentFrozen(host: Int, span: Int64)
    case agentDies(host: Int, span: Int64)
    case guardDies(host: Int)
    case agentRestarts(host: Int, span: Int64)
    /// The agent ends, and what stands in the way of the next one lasts for a while.
    case agentHindered(host: Int, span: Int64)
    case powerCut(host: Int, span: Int64)
    case shutDown(host: Int, span: Int64)
    case unitCrash(host: Int, unit: Int)
}

/// All that happens to one run, made from its seed.
package struct Plan: Sendable {
    package var setting: Setting
    package var events: [PlannedEvent]

    /// - Parameters:
    ///   - seed: Decides everything.
    ///   - seconds: How long operations and faults go on; at least 20.
    package init(seed: UInt64, seconds: Int) {
        var random = SeededGenerator(seed: seed)
        let profile: Setting.Profile =
            switch seed % 16 {
            case 7, 12: .singleFailure
            case 5, 14: .storeOutage
            case 6: .massLoss
            case 15: .storeLoss
            case 2: .hindered
            default: .storm
            }
        setting = Setting(
            seed: seed,
            hosts: profile == .massLoss || profile == .hindered ? 3 + random.below(4) : 2 + random.below(4),
            members: random.chance(1, in: 4) ? 1 : 3, seconds: max(20, seconds),
            profile: profile, operationLimit: random.pick([1, 2, 4, 128]) ?? 128,
            hasSystemdTrouble: profile != .singleFailure && random.chance(1, in: 3))
        events = []
        var maker = PlanMaker(setting: setting, random: random)
        maker.make()
        events = maker.events.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(
            \.element)
    }
}

/// Draws the events of a plan.
private struct PlanMaker {
    let setting: Setting
    var random: SeededGenerator
    var events: [PlannedEvent] = []

    private var end: Int64 { Int64(setting.seconds) * Span.second }

    mutating func make() {
        for unit in Catalogue.shared.units.indices where random.chance(2, in: 3) {
            add(at: Span.second + random.between(0, 2 * Span.second), .user(submission(unit, .launched)))
        }
        switch setting.profile {
        case .storm: storm()
        case .singleFailure: singleFailure()
        case .storeOutage: storeOutage()
        case .massLoss: massLoss()
        case .hindered:
            storm()
            hinder()
        case .storeLoss:
            operations(count: 6, from: 3 * Span.second, to: end / 3)
            add(at: end / 2 + random.between(0, 5 * Span.second), .fault(.storeWiped))
        }
    }

    private mutating func add(at time: Int64, _ cause: PlannedEvent.Cause) {
        events.append(PlannedEvent(time: time, cause: cause))
    }

    private mutating func storm() {
        operations(count: 4 + random.below(30), from: 2 * Span.second, to: end - Span.second)
        // Every run has a character: few kinds of faults, often.
        let kinds = (0..<1 + random.below(6)).map { _ in random.below(21) }
        for _ in 0..<random.below(16) {
            guard let kind = random.pick(kinds) else { return }
            let time = random.between(4 * Span.second, end - 2 * Span.second)
            add(at: time, .fault(fault(kind, at: time)))
        }
    }

    /// A few machines, or all of them for one cause.
    private mutating func hinder() {
        let start = random.between(4, 12) * Span.second
        var hosts = Array(0..<setting.hosts)
        if !random.chance(1, in: 6) { hosts = (0...random.below(2)).map { _ in random.below(setting.hosts) } }
        for host in hosts {
            let time = start + random.between(0, random.chance(1, in: 2) ? Span.second : 10 * Span.second)
            add(at: time, .fault(.agentHindered(host: host, span: random.between(20, 60) * Span.second)))
        }
    }

    private mutating func singleFailure() {
        operations(count: 4, from: 3 * Span.second, to: end / 3)
        let host = random.below(setting.hosts)
        let span = 30 * Span.second
        let fault: Fault =
            switch random.below(3) {
            case 0: .powerCut(host: host, span: .max)
            case 1: .cut(host: host, member: nil, directions: 3, span: span)
            default: .agentFrozen(host: host, span: span)
            }
        add(at: end / 2 + random.between(0, 5 * Span.second), .fault(fault))
    }

    private mutating func massLoss() {
        operations(count: 8, from: 3 * Span.second, to: end - 10 * Span.second)
        let time = end / 3 + random.between(0, 5 * Span.second)
        let enough = (setting.hosts * 55 + 99) / 100
        let count = enough + random.below(setting.hosts - enough)
        var hosts = Array(0..<setting.hosts)
        for _ in 0..<setting.hosts - count { hosts.remove(at: random.below(hosts.count)) }
        let spread: Int64 = random.pick([0, 300, 1500]) ?? 0
        let span = random.chance(1, in: 3) ? .max : random.between(8, 20) * Span.second
        let isCut = random.chance(2, in: 3)
        for host in hosts {
            let moment = time + random.between(0, spread * Span.millisecond)
            add(
                at: moment,
                .fault(
                    isCut
                        ? .cut(host: host, member: nil, directions: 3, span: span) : .powerCut(host: host, span: span)))
        }
        if random.chance(1, in: 3) {
            add(at: time + random.between(8, 18) * Span.second, .user(.releaseBrake))
        }
    }

    private mutating func storeOutage() {
        operations(count: 8, from: 3 * Span.second, to: end / 3)
        for _ in 0..<1 + random.below(4) {
            let time = random.between(end / 3, end - 5 * Span.second)
            let member = random.below(setting.members)
            let span = random.between(Span.second, 20 * Span.second)
            switch random.below(4) {
            case 0: add(at: time, .fault(.memberDown(member, span: span)))
            case 1: add(at: time, .fault(.leaderMoved))
            default: add(at: time, .fault(.storeDown(span: span)))
            }
        }
    }

    private mutating func fault(_ kind: Int, at time: Int64) -> Fault {
        let host = random.below(setting.hosts)
        let member = random.below(setting.members)
        let short = random.between(100 * Span.millisecond, 4 * Span.second)
        let long = random.between(Span.second, 15 * Span.second)
        let span = random.chance(1, in: 2) ? short : long
        switch kind {
        case 0, 1: return .cut(host: host, member: nil, directions: 1 + random.below(3), span: span)
        case 2: return .cut(host: host, member: member, directions: 1 + random.below(3), span: span)
        case 3: return .slowNetwork(host: host, by: random.between(10, 1500) * Span.millisecond, span: long)
        case 4: return .memberDown(member, span: span)
        case 5: return .storeDown(span: long)
        case 6: return .memberPaused(member, span: span)
        case 7: return .memberIsolated(member, span: span)
        case 8: return .leaderMoved
        case 9: return .slowCommits(by: random.between(20, 2500) * Span.millisecond, span: long)
        case 10, 11: return .lostAnswers(perMille: 50 + random.below(400), span: long)
        case 12: return .compaction
        case 13: return .cutWatches
        case 14, 15: return .agentFrozen(host: host, span: span)
        case 16: return .agentDies(host: host, span: random.chance(1, in: 3) ? long : short)
        case 20: return .guardDies(host: host)
        case 17: return .agentRestarts(host: host, span: short)
        case 18:
            // Now and then a machine is lost for good, but never the first.
            let isLost = host > 0 && random.chance(1, in: 4)
            return .powerCut(host: host, span: isLost ? .max : long)
        default:
            return random.chance(1, in: 3)
                ? .shutDown(host: host, span: long)
                : .unitCrash(
                    host: host, unit: random.below(Catalogue.shared.units.count))
        }
    }

    // MARK: Users

    private mutating func operations(count: Int, from start: Int64, to end: Int64) {
        for _ in 0..<count {
            let time = random.between(start, end)
            add(at: time, .user(operation()))
        }
    }

    private mutating func submission(_ unit: Int, _ target: TargetState) -> UserOperation {
        .submit(unit: unit, variant: random.chance(1, in: 2) ? 0 : random.below(3), target)
    }

    private mutating func operation() -> UserOperation {
        let unit = random.below(Catalogue.shared.units.count)
        switch random.below(14) {
        case 0..<4: return submission(unit, random.chance(1, in: 5) ? .loaded : .launched)
        case 4, 5: return .target(unit: unit, .launched)
        case 6: return .target(unit: unit, .inactive)
        case 7: return .target(unit: unit, .loaded)
        case 8: return .restart(unit: unit)
        case 9, 10: return .destroy(unit: unit)
        case 12: return .control(host: random.below(setting.hosts), isDraining: random.chance(2, in: 3))
        case 13: return .control(host: random.below(setting.hosts), isDraining: nil)
        default:
            return .metadata(host: random.below(setting.hosts), role: random.pick(["web", "db", nil]) ?? nil)
        }
    }
}
