// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Keeps the session for the next run of the agent.
///
/// `SessionFile` keeps it in the runtime folder.
package protocol SessionKeeper: Sendable {
    /// Writes the session down.
    ///
    /// - Throws: `HostError` when a next run would not find it.
    func store(_ session: SavedSession) throws(HostError)

    /// Forgets the session.
    func discard()

    /// Forgets the store of the session, if the operator has decided for the store that is there now.
    ///
    /// - Returns: Whether he has: then the next run of the agent joins whatever is there.
    func adopt(_ session: SavedSession) throws(HostError) -> Bool
}
