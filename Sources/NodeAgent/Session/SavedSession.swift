// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials

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
    /// The units of this session are being stopped, or were, whatever the store says of them: the next run adopts none.
    var mustFence: Bool?

    var sessionLease: SessionLease? { lease == 0 ? nil : SessionLease(id: lease, ttl: ttl) }
}

/// Reads and writes the saved session.
struct SessionFile: Sendable {
    let path: String

    init(runtimeDirectory: String) { path = runtimeDirectory + "/session.json" }

    /// The session of a former run in this boot; a new token when there is none.
    ///
    /// A file that cannot be understood is as good as none: the session it spoke of ends by itself.
    func load(bootID: String) -> SavedSession {
        if let text = try? HostFiles.read(path),
            let saved = try? JSONDecoder().decode(SavedSession.self, from: Data(text.utf8)), saved.bootID == bootID
        {
            return saved
        }
        var generator = SystemRandomNumberGenerator()
        let token = String(generator.next(), radix: 36) + String(generator.next(), radix: 36)
        return SavedSession(lease: 0, ttl: 0, proof: 0, bootID: bootID, token: token, storeID: nil)
    }

    func store(_ session: SavedSession) throws(HostError) {
        guard let data = try? JSONEncoder().encode(session) else { return }
        try HostFiles.write(String(decoding: data, as: UTF8.self), to: path, mode: 0o600)
    }
}
