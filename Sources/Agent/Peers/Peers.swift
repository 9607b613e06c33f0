// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
package import Registry
package import Timing

/// The other machines that may be asked for help, kept at hand for the time when the store cannot be reached.
///
/// Peers are few and differ from machine to machine, so that a store cut off from many is not asked for all of them by the
/// same one.
package actor Peers {
    /// How many are kept, and how many of them are asked at once.
    static let kept = 8
    static let askedAtOnce = 3
    /// Between looks at who is there; a look is one read.
    private static let interval = Duration.seconds(120)

    private let registry: ClusterRegistry
    private let machine: MachineID
    private let caller: (any PeerCaller)?
    private let roster: any Roster
    private let clockwork: any Clockwork
    private var peers: [(id: MachineID, address: String)] = []
    private var turn = 0

    /// - Parameters:
    ///   - registry: Says who is there.
    ///   - machine: This machine, which is no peer of its own.
    ///   - caller: Calls them; `nil` means that there is nobody to ask.
    ///   - roster: Keeps who was there at the last look.
    ///   - clockwork: Says when to look again.
    package init(
        registry: ClusterRegistry, machine: MachineID, caller: (any PeerCaller)?, roster: any Roster,
        clockwork: any Clockwork
    ) {
        self.registry = registry
        self.machine = machine
        self.caller = caller
        self.roster = roster
        self.clockwork = clockwork
    }

    /// Looks for peers now and then until cancelled; the first look is made when the session begins.
    package func follow() async {
        while !Task.isCancelled {
            await look()
            // Right after a start others are still to come.
            let isEarly = caller != nil && peers.count < Self.askedAtOnce
            try? await clockwork.sleep(for: isEarly ? .seconds(5) : Self.interval)
        }
    }

    /// Reads who is there; what was known stays when the store does not answer.
    func look() async {
        guard let records = try? await registry.machines() else { return }
        if let caller { peers = Self.choose(from: records, for: machine, by: caller) }
        await roster.note(records.filter { $0.id != machine })
    }

    /// The peers that `machine` keeps: those that follow it in the circle of ids, as far as `caller` can call them.
    static func choose(
        from records: [MachineRecord], for machine: MachineID, by caller: any PeerCaller
    ) -> [(id: MachineID, address: String)] {
        let others = records.filter { $0.id != machine }.sorted { $0.id < $1.id }
        let start = others.firstIndex { $0.id > machine } ?? 0
        let circle = others[start...] + others[..<start]
        let reachable = circle.compactMap { record -> (id: MachineID, address: String)? in
            guard let address = record.apiAddress, caller.canCall(address) else { return nil }
            return (record.id, address)
        }
        return Array(reachable.prefix(kept))
    }

    /// Asks a few peers at once to renew a session's lease, or for a proof that they have; the next call asks others.
    ///
    /// - Returns: The first answer that is of use.
    package func renew(_ session: SessionInNeed, within deadline: Duration) async -> PeerAnswer {
        await ask { [machine] caller, address in
            let answer = await caller.renew(session, of: machine, at: address, within: deadline)
            return answer == .nothing ? nil : answer
        } ?? .nothing
    }

    /// Asks a few peers at once to end this machine's lead; the next call asks others.
    ///
    /// - Returns: Whether one of them says that it has ended.
    package func resign(_ leadership: Leadership, within deadline: Duration) async -> Bool {
        await ask { caller, address in
            await caller.resign(leadership, at: address, within: deadline) ? true : nil
        } ?? false
    }

    /// The first answer that is one; `nil` when none is.
    private func ask<Answer: Sendable>(
        _ question: @escaping @Sendable (any PeerCaller, String) async -> Answer?
    ) async -> Answer? {
        guard let caller, !peers.isEmpty else { return nil }
        let count = min(Self.askedAtOnce, peers.count)
        let asked = (0..<count).map { peers[(turn + $0) % peers.count] }
        turn = (turn + count) % peers.count
        return await withTaskGroup(of: Answer?.self) { group in
            for peer in asked {
                group.addTask { await question(caller, peer.address) }
            }
            for await answer in group {
                guard let answer else { continue }
                group.cancelAll()
                return answer
            }
            return nil
        }
    }
}
