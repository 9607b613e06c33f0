// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Timing

/// The session as it survives a restart of the agent, in the runtime folder; a boot clears that folder.
struct SavedSession: Codable, Sendable {
    var lease: Int64
    /// Seconds.
    var ttl: Int
    /// When the last successful renewal was sent, in nanoseconds of `CLOCK_BOOTTIME`.
    var proof: Int64
    var bootID: String
    /// What proves to the store that its record of this machine is ours.
    var token: String
    /// The store that holds the session.
    var storeID: UInt64?
    /// The newest revision that the store is known to have reached.
    var storeRevision: Int64?
    /// The store's mark, see `ClusterRegistry.makeMark()`.
    var storeMark: String?
    /// Whether the agent refused what etcd answered, so that the session's age counts for nothing (rule R8).
    var isRefused: Bool?
    /// The units of this session are being stopped, or were, whatever the store says of them: the next run adopts none.
    var mustFence: Bool?
    /// The agent has adopted another store and was in no session since.
    var hasAdopted: Bool?
    /// How many members the store has: this machine may know the endpoints of some alone.
    var memberCount: Int?

    var sessionLease: SessionLease? { lease == 0 ? nil : SessionLease(id: lease, ttl: ttl) }

    /// What etcd has to have reached for this session to be in it; without a session there is nothing to be lost.
    var expectedRevision: Int64 { lease == 0 ? 0 : storeRevision ?? 0 }

    /// No session yet in this boot, with a new token.
    static func none(bootID: String, clockwork: any Clockwork) -> SavedSession {
        let token = String(clockwork.random(), radix: 36) + String(clockwork.random(), radix: 36)
        return SavedSession(lease: 0, ttl: 0, proof: 0, bootID: bootID, token: token, storeID: nil)
    }

    /// The same run of this machine, without a word of the store that its session was in.
    var withoutStore: SavedSession {
        SavedSession(lease: 0, ttl: 0, proof: 0, bootID: bootID, token: token, storeID: nil, hasAdopted: true)
    }
}

/// Reads and writes the saved session.
struct SessionFile: SessionKeeper {
    let path: String
    /// A file that is there when the operator has decided for the store that is there now.
    let adoptionPath: String

    init(runtimeDirectory: String) {
        path = runtimeDirectory + "/session.json"
        adoptionPath = runtimeDirectory + "/adopt"
    }

    /// The session of this boot's last run as it is on file, whoever asks; `nil` when there is none that can be read.
    func saved() -> SavedSession? {
        guard let text = try? HostFiles.read(path) else { return nil }
        return try? JSONDecoder().decode(SavedSession.self, from: Data(text.utf8))
    }

    /// Asks the agent to take the store that it has refused.
    ///
    /// - Throws: When no agent on this machine refuses its store, or the request cannot be written.
    func requestAdoption() throws(HostError) {
        guard saved()?.isRefused == true else {
            throw HostError("the agent of this machine refuses no store, so there is none to adopt; see its log")
        }
        try HostFiles.write("adopt\n", to: adoptionPath, mode: 0o600)
    }

    /// Carries out what `requestAdoption()` asked for.
    ///
    /// - Returns: Whether there was a request: then the store is forgotten, and the next run of the agent joins whatever is there.
    func adopt(_ session: SavedSession) throws(HostError) -> Bool {
        guard (try? HostFiles.read(adoptionPath)) != nil else { return false }
        try store(session.withoutStore)
        try HostFiles.remove(adoptionPath)
        return true
    }

    /// The session of a former run in this boot; a new token when there is none.
    ///
    /// A file that cannot be understood is as good as none: the session it spoke of ends by itself.
    func load(bootID: String, clockwork: any Clockwork) -> SavedSession {
        if let text = try? HostFiles.read(path),
            let saved = try? JSONDecoder().decode(SavedSession.self, from: Data(text.utf8)), saved.bootID == bootID
        {
            return (try? adopt(saved)) == true ? saved.withoutStore : saved
        }
        return .none(bootID: bootID, clockwork: clockwork)
    }

    /// Forgets the session.
    func discard() { try? HostFiles.remove(path) }

    func store(_ session: SavedSession) throws(HostError) {
        guard let data = try? JSONEncoder().encode(session) else { return }
        try HostFiles.rewrite(String(decoding: data, as: UTF8.self), at: path, mode: 0o600)
    }
}
