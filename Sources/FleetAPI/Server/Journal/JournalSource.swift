// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
package import FleetCore

/// The journal of one machine.
package protocol JournalSource: Sendable {
    /// The entries that `query` asks for, in the journal's order, in handfuls.
    ///
    /// Where the query follows, `.began` comes first, by the clock of the journal's machine, and `.caughtUp` once, between
    /// what was there and what is written from then on. The stream must be pulled: it makes no more than what is asked of it. It ends when the query is answered, and throws
    /// when the machine has given no sign of life for a while.
    ///
    /// - Throws: An error that describes itself in words for a user, now or from the stream.
    func items(_ query: API.JournalQuery) async throws -> AsyncThrowingStream<[API.JournalItem], any Error>
}

/// Where the journals of the cluster's machines are to be had.
package struct JournalSources: Sendable {
    /// This machine.
    let machine: MachineID
    let local: any JournalSource
    let remote: @Sendable (MachineRecord) -> (any JournalSource)?

    /// - Parameters:
    ///   - machine: The machine whose server this is.
    ///   - local: Its own journal.
    ///   - remote: The journal of another machine; `nil` where that machine answers nobody.
    package init(
        machine: MachineID, local: any JournalSource,
        remote: @escaping @Sendable (MachineRecord) -> (any JournalSource)?
    ) {
        self.machine = machine
        self.local = local
        self.remote = remote
    }

    func source(of record: MachineRecord) -> (any JournalSource)? {
        record.id == machine ? local : remote(record)
    }
}
