// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What systemd has written of a run that came to no program.
extension SystemdManager {
    /// systemd's outcome of a unit that it could not set up: an environment file, a user, a namespace; it shows no more than that.
    static let setupFailure = "resources"

    /// How often the journal is looked into, which takes in what systemd writes a moment later.
    private static let looks = 10
    private static let lookInterval = Duration.milliseconds(50)

    /// systemd's sentence on why the last run of a unit was not set up, such as "Failed to load environment files: ...".
    ///
    /// - Returns: `nil` where the journal has none, or is not to be read.
    func sentence(on name: String) async -> String? {
        for _ in 0..<Self.looks {
            if let sentence = try? await loggedReason(of: name) { return sentence }
            guard (try? await Task.sleep(for: Self.lookInterval)) != nil else { return nil }
        }
        return nil
    }

    private func loggedReason(of name: String) async throws(SystemdError) -> String? {
        let reader = try JournalReader(JournalQuery(units: [name], lines: 32))
        var entries: [JournalEntry] = []
        while let batch = try await reader.next() { entries += batch.entries }
        let own = entries.filter { $0.pid == 1 }
        let begin = own.lastIndex { $0.message.hasPrefix("Starting ") } ?? own.startIndex
        let subject = name + ": "
        // The first is the cause, what follows says what came of it; 4 is a warning, as syslog(3) counts.
        let first = own[begin...].first { $0.message.hasPrefix(subject) && ($0.priority ?? 7) <= 4 }
        return first.map { String($0.message.dropFirst(subject.count)) }
    }
}
