// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// A key of the store, by numbers instead of text: which kind, which machine, which unit or file.
struct StoreKey: Hashable, Comparable {
    enum Kind: UInt32 {
        case file, machine, metadata, unit, schedule, state, leader, control, seen, brake, result, turn, operation, wave
    }

    /// Kind, machine and subject, in this order of significance.
    let raw: UInt32

    private init(_ kind: Kind, machine: Int = 0, subject: Int = 0) {
        raw = kind.rawValue << 24 | UInt32(machine) << 12 | UInt32(subject)
    }

    static func file(_ index: Int) -> StoreKey { StoreKey(.file, subject: index) }
    static func machine(_ index: Int) -> StoreKey { StoreKey(.machine, machine: index) }
    static func metadata(_ index: Int) -> StoreKey { StoreKey(.metadata, machine: index) }
    static func unit(_ index: Int) -> StoreKey { StoreKey(.unit, subject: index) }
    static func schedule(_ machine: Int, _ unit: Int) -> StoreKey {
        StoreKey(.schedule, machine: machine, subject: unit)
    }
    static func state(_ machine: Int, _ unit: Int) -> StoreKey { StoreKey(.state, machine: machine, subject: unit) }
    static let leader = StoreKey(.leader)
    static func control(_ index: Int) -> StoreKey { StoreKey(.control, machine: index) }
    static func seen(_ index: Int) -> StoreKey { StoreKey(.seen, machine: index) }
    static let brake = StoreKey(.brake)
    static func result(_ index: Int) -> StoreKey { StoreKey(.result, subject: index) }
    static let turn = StoreKey(.turn)
    static func operation(_ index: Int) -> StoreKey { StoreKey(.operation, subject: index) }
    static func wave(_ operation: Int, _ number: Int) -> StoreKey {
        StoreKey(.wave, machine: operation, subject: number)
    }

    var kind: Kind { Kind(rawValue: raw >> 24) ?? .leader }
    var machine: Int { Int(raw >> 12 & 0xFFF) }
    var subject: Int { Int(raw & 0xFFF) }

    static func < (left: StoreKey, right: StoreKey) -> Bool { left.raw < right.raw }
}

/// Which keys a read or a watch is about.
enum KeyRange {
    case everything
    case schedule(of: Int)
    case states(of: Int)
    case machines
    case leader
    /// Of a store of real keys; see `ByteStore`.
    case bytes(KeySelector)

    func contains(_ key: StoreKey) -> Bool {
        switch self {
        case .everything: true
        case .schedule(let machine): key.kind == .schedule && key.machine == machine
        case .states(let machine): key.kind == .state && key.machine == machine
        case .machines: key.kind == .machine
        case .leader: key == .leader
        case .bytes: false
        }
    }
}

/// What a key holds; decoded, since codecs are not what is simulated.
enum StoreValue {
    case file(UnitFile)
    case machine(MachineRecord)
    case metadata([String: String?])
    case unit(UnitRecord)
    case assignment(Assignment)
    case state(UnitState)
    case leader(MachineID)
    case control(MachineControl)
    case seen
    case brake(Brake)
    case result(Completion)
    case turn(MachineID)
    case operation(OperationRecord)
    case wave(OperationWave)
}

struct StoreEntry {
    var value: StoreValue
    var created: Int64
    var modified: Int64
    var version: Int64
    /// 0 for none.
    var lease: Int64
}

struct StoreChange {
    var key: StoreKey
    /// `nil` for a deletion.
    var entry: StoreEntry?
}

/// All changes of one revision.
struct StoreCommit {
    var revision: Int64
    var changes: [StoreChange]
}

struct StoreComparison {
    enum Test {
        case absent, present
        case modified(Int64)
        case created(Int64)
    }

    var key: StoreKey
    var test: Test

    init(_ key: StoreKey, _ test: Test) {
        self.key = key
        self.test = test
    }
}

enum StoreWrite {
    case put(StoreKey, StoreValue, lease: Int64)
    case delete(StoreKey)

    var key: StoreKey {
        switch self {
        case .put(let key, _, _), .delete(let key): key
        }
    }
}

struct StoreTransaction {
    var comparisons: [StoreComparison] = []
    var writes: [StoreWrite] = []
    /// What is read when a comparison fails.
    var otherwise: [StoreKey] = []
    /// The epoch of the leader that sends it, for rule R2's check; the store itself does not look at it.
    var epoch: Int64?
    /// The steps, and up to which revision the leader had seen the store when it planned them; for the checks of rules.
    var steps: [ScheduleStep] = []
    var view: Int64 = 0
}

enum StoreRequest {
    case transaction(StoreTransaction)
    case range(KeyRange)
    case entries([StoreKey])
    case grant(ttl: Int)
    case keepAlive(Int64)
    case revoke(Int64)
    /// To a store of real keys and bytes.
    case read(KeySelector, revision: Int64)
    case commit(Transaction)

    /// Whether doing it twice does no harm, so that a client may send it again without knowing what came of it.
    var isRepeatable: Bool {
        switch self {
        case .transaction(let transaction): transaction.writes.isEmpty
        case .commit(let transaction): transaction.writesNothing
        default: true
        }
    }

    var isLinearizable: Bool {
        switch self {
        case .transaction, .range, .entries, .commit: true
        case .read(_, let revision): revision == 0
        case .grant, .keepAlive, .revoke: false
        }
    }
}

struct StoreAnswer {
    enum Content {
        case transaction(succeeded: Bool, found: [StoreEntry?])
        case range([(key: StoreKey, entry: StoreEntry)])
        case entries([StoreEntry?])
        case lease(Int64, ttl: Int)
        /// Seconds; `nil` when the lease does not exist.
        case alive(ttl: Int?)
        case done
        case keys([KeyValue])
        case result(TransactionResult)
        case refused(EtcdError)
    }

    var content: Content
    var revision: Int64
    /// Which life of the store it is; another one after its data was lost.
    var generation: Int
}

/// Why a client has no answer.
struct StoreFailure: Error {
    enum Code {
        /// Refused, reset or no leader.
        case unreachable
        case timedOut
        case leaseNotFound
        case storeReplaced
        case compacted
        case interfered
    }

    var code: Code
    var mayHaveHappened: Bool
}
