// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension RegistryKeys {
    /// What an agent's own code reads and writes: session, states, orders, files, results, and who leads.
    ///
    /// `Records` says it kind by kind. Etcd gives a machine's user these rights, and a gate lets through what they cover.
    package func rights(of machine: MachineID) -> [EtcdPermission] {
        Records.all.flatMap { kind in
            kind.agents.compactMap { right in
                let keys = right.scope == .all ? all(kind) : own(kind, of: machine)
                return keys.map { EtcdPermission(right.access, $0) }
            }
        }
    }

    /// Whether a machine may write all that hangs on a lease.
    ///
    /// For leases whose number alone proves nothing, of machines that joined before `MachineIdentity.leaseFront`.
    package func mayWrite(_ keys: [String], by machine: MachineID) -> Bool {
        let rights = rights(of: machine).filter(\.mayWrite)
        return keys.allSatisfy { key in rights.contains { $0.covers(.key(key)) } }
    }

    /// Why a machine may not have a gate send a request on for it; `nil` when it may.
    ///
    /// Leases are not looked at: whose they are, `MachineLease` tells.
    ///
    /// - Parameters:
    ///   - request: What it asks for.
    ///   - machine: Who asks.
    /// - Returns: A line for the machine, in etcd's words for a right that is missing.
    package func refusal(of request: StoreRequest, by machine: MachineID) -> String? {
        let rights = rights(of: machine)
        func denial(reading keys: KeySelector) -> String? {
            rights.contains { $0.mayRead && $0.covers(keys) }
                ? nil : "permission denied: machine \(machine.short) may not read \(keys)"
        }
        func denial(writing keys: KeySelector) -> String? {
            rights.contains { $0.mayWrite && $0.covers(keys) }
                ? nil : "permission denied: machine \(machine.short) may not write \(keys)"
        }
        func denial(_ operation: Operation, where comparisons: [Comparison]) -> String? {
            switch operation {
            case .put(let key, let value, let lease):
                // A longer record is read by nobody.
                if value.count > recordSizeLimit {
                    return "permission denied: a machine writes at most \(recordSizeLimit) bytes into one key"
                }
                return denial(writing: .key(key))
                    ?? refusal(ofResult: .key(key), lease, by: machine, where: comparisons)
            case .delete(let keys):
                return denial(writing: keys) ?? refusal(ofResult: keys, .none, by: machine, where: [])
            case .get(let keys): return denial(reading: keys)
            }
        }
        func isOne(_ keys: KeySelector) -> Bool { if case .key = keys { true } else { false } }
        switch request {
        case .range(let keys, _, _, _), .watch(let keys, _, _): return denial(reading: keys)
        case .transaction(let transaction):
            let runs = [transaction.then, transaction.otherwise].map { branch in
                branch.count { if case .get(let keys) = $0, !isOne(keys) { true } else { false } }
            }
            // etcd makes the whole answer before anybody can say that it is too large.
            if runs.contains(where: { $0 > 1 }) {
                return "permission denied: a machine's transaction reads one run of keys at most"
            }
            return transaction.comparisons.lazy.compactMap { denial(reading: .key($0.key)) }.first
                ?? transaction.then.lazy.compactMap { denial($0, where: transaction.comparisons) }.first
                // What is done when a comparison does not hold has none to lean on.
                ?? transaction.otherwise.lazy.compactMap { denial($0, where: []) }.first
        case .grant(let ttl, _):
            return (1...MachineLease.longest).contains(ttl)
                ? nil : "permission denied: a machine's lease has 1 to \(MachineLease.longest) seconds"
        case .keepAlive, .revoke, .status, .members: return nil
        }
    }
}

extension RegistryKeys {
    /// Why a machine may not change the results of units that way; `nil` when it may, or when it changes none.
    ///
    /// etcd can give it only all of them. An agent writes how a unit ended that is assigned to it, while that assignment stands
    /// (`ClusterRegistry.record`), so that is what a gate lets through: etcd compares and writes in one step. Who deletes them is the engine.
    private func refusal(
        ofResult written: KeySelector, _ lease: LeaseID, by machine: MachineID, where comparisons: [Comparison]
    ) -> String? {
        guard EtcdPermission(.write, results).covers(written) else { return nil }
        if case .key(let key) = written, let unit = unit(ofResult: key), lease == .none,
            comparisons.contains(where: { $0.isPresent(assignment(machine, unit)) })
        {
            return nil
        }
        return
            "permission denied: machine \(machine.short) writes results of its own units alone, while their assignments stand"
    }

    private func unit(ofResult key: String) -> UnitName? {
        name(of: key, Records.results).flatMap { try? UnitName(recorded: $0.tail) }
    }

    /// How large the answer to a machine's request may become.
    ///
    /// A file is as long as its user likes, and so is a run of keys; every other record has its size.
    ///
    /// - Parameters:
    ///   - request: One that is not refused.
    ///   - largest: What no answer exceeds.
    /// - Returns: Bytes; 0 for a request that reads no values.
    package func room(for request: StoreRequest, largest: Int) -> Int {
        let longOnes = EtcdPermission(.read, files)
        func length(of keys: KeySelector) -> Int {
            guard case .key = keys, !longOnes.covers(keys) else { return largest }
            // Base64 and the names of fields make a value half as long again.
            return recordSizeLimit * 3 / 2
        }
        func length(of branch: [Operation]) -> Int {
            var sum = 0
            for case .get(let keys) in branch { sum = min(largest, sum + length(of: keys)) }
            return sum
        }
        switch request {
        case .range(let keys, _, _, _): return length(of: keys)
        case .transaction(let transaction):
            return max(length(of: transaction.then), length(of: transaction.otherwise))
        case .grant, .keepAlive, .revoke, .watch, .status, .members: return 0
        }
    }
}

extension Comparison {
    /// Whether it holds only while `key` is there, and as its writer has read it.
    fileprivate func isPresent(_ key: String) -> Bool {
        guard self.key == key, relation == .equal, case .modRevision(let revision) = operand else { return false }
        return revision > 0
    }
}

/// The leases that a gate makes for machines: their numbers say whose they are, also before anything hangs on them.
///
/// The front half of a number is the machine's own, drawn by the authority when it joined (`MachineIdentity.leaseFront`); the other is random. So
/// nobody chooses whose leases he has: one number in 2^31 is another machine's front, or that of a lease of etcd's own making.
///
/// A machine that joined before fronts were drawn has one that is made of its id, which whoever joins may choose so that it is another lease's.
/// What hangs on such a lease is therefore looked at, too (`mayWrite`).
package enum MachineLease {
    /// In seconds: the longest session that can be set (`session-ttl`), and the turn that its machine takes.
    package static let longest: Int64 = 2 * 3600

    /// The front halves that there are: etcd's own numbers are positive and not 0, and so are these.
    package static let fronts: ClosedRange<UInt32> = 1...0x7FFF_FFFF

    /// The front half of a machine's leases for which none was drawn.
    package static func front(of machine: MachineID) -> UInt32 {
        let digest = UInt32(SHA1.hexDigest(of: machine.rawValue.utf8).prefix(8), radix: 16) ?? 0
        return max(fronts.lowerBound, digest & fronts.upperBound)
    }

    /// A front half that none of `machines` has.
    package static func freeFront(among machines: [MachineIdentity]) -> UInt32 {
        let taken = Set(machines.map { $0.leaseFront ?? front(of: $0.id) })
        while true {
            let front = UInt32.random(in: fronts)
            if !taken.contains(front) { return front }
        }
    }

    /// A new lease's number.
    ///
    /// - Parameters:
    ///   - front: The front half of the machine's leases.
    ///   - chance: A number that nobody can guess.
    /// - Returns: One that `has` that front.
    package static func number(_ front: UInt32, chance: UInt64) -> LeaseID {
        LeaseID(Int64(bitPattern: UInt64(front) << 32 | UInt64(max(1, UInt32(truncatingIfNeeded: chance)))))
    }

    /// Whether a gate has made `lease` for a machine whose leases have that front half.
    package static func has(_ lease: LeaseID, _ front: UInt32) -> Bool {
        UInt64(bitPattern: lease.rawValue) >> 32 == UInt64(front)
            && UInt32(truncatingIfNeeded: lease.rawValue) != 0
    }
}
