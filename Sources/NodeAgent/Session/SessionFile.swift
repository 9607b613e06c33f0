// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FoundationEssentials
import Timing

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
