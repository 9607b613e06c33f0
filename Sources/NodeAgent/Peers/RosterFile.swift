// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import FoundationEssentials

/// Who else was in the cluster at the last look, for the time when the store cannot be asked.
///
/// In the runtime folder, since an agent that starts while it refuses its store has no other way to know.
actor RosterFile: Roster {
    struct Other: Codable, Hashable, Sendable {
        var id: String
        var name: String
        /// Where its API answers other machines; missing where it does not.
        var endpoint: String?
    }

    private let path: String
    private var known: [Other]?

    init(runtimeDirectory: String) { path = runtimeDirectory + "/machines.json" }

    /// The other machines, sorted by name; none when nobody was ever seen.
    var others: [Other] {
        if let known { return known }
        let text = (try? HostFiles.read(path)) ?? "[]"
        let read = (try? JSONDecoder().decode([Other].self, from: Data(text.utf8))) ?? []
        known = read
        return read
    }

    /// Writes down who is there, if it is not who was.
    ///
    /// A file that cannot be written is no reason to complain: memory holds it, too.
    func note(_ records: [MachineRecord]) {
        let now = records.map { Other(id: $0.id.rawValue, name: $0.name, endpoint: $0.apiAddress) }
            .sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        guard now != others else { return }
        known = now
        guard let data = try? JSONEncoder().encode(now) else { return }
        try? HostFiles.write(String(decoding: data, as: UTF8.self), to: path, mode: 0o600)
    }
}
