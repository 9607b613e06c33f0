// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What users change, one unit at a time.
///
/// Each returns the revision at which the change is committed: the state as of that revision shows it (rule R5). An
/// answer that was lost on the way is looked up in the store; when that fails as well, the error says
/// `mayHaveHappened`.
extension ClusterRegistry {
    /// Stores a new unit and its file.
    ///
    /// - Parameters:
    ///   - name: The unit.
    ///   - file: Its file.
    ///   - target: What is wanted of it.
    ///   - checkedAt: Up to which revision the caller knows that no other unit has one of its names.
    /// - Returns: The revision at which the change is committed.
    /// - Throws: `.conflict` when the unit exists, or names have changed since.
    @discardableResult
    package func createUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(RegistryError) -> Int64 {
        try await apply(.create(name, file: file, target: target, checkedAt: checkedAt))
    }

    /// Gives an existing unit another file and target state; its count of restarts stays.
    ///
    /// - Parameters:
    ///   - name: The unit.
    ///   - file: Its new file.
    ///   - target: Its new target state.
    ///   - expecting: Mod revision at which the caller read the record; `nil` takes any.
    ///   - checkedAt: Up to which revision the caller knows that no other unit has a name that the file asks for.
    /// - Returns: The revision at which the change is committed.
    /// - Throws: `.notFound`; `.conflict` when the record or names have changed since; `.damaged` when it cannot be read.
    @discardableResult
    package func replaceUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, expecting: Int64? = nil, checkedAt: Int64 = .max
    ) async throws(RegistryError) -> Int64 {
        try await apply(.replace(name, file: file, target: target, expecting: expecting, checkedAt: checkedAt))
    }

    /// Sets what the user wants of a unit; writes nothing when the record says so already.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func setTarget(_ name: UnitName, _ target: TargetState) async throws(RegistryError) -> Int64 {
        try await apply(.target(name, target))
    }

    /// Asks for one more restart of a unit.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func requestRestart(_ name: UnitName) async throws(RegistryError) -> Int64 {
        try await apply(.restart(name))
    }

    /// Deletes a unit, also one whose record cannot be read; its file stays until `collectFiles`.
    ///
    /// - Throws: `.notFound`.
    @discardableResult
    package func destroyUnit(_ name: UnitName) async throws(RegistryError) -> Int64 {
        try await apply(.destroy(name))
    }

    /// One unit's record with its mod revision, and the store's revision; `nil` when there is no such unit.
    ///
    /// - Throws: `.damaged` when the record cannot be read.
    package func unit(
        _ name: UnitName
    ) async throws(RegistryError) -> (record: UnitRecord, modRevision: Int64)? {
        let found = try await get(.key(keys.unit(name)), while: "reading unit \(name)")
        guard let entry = found.keys.first else { return nil }
        do {
            return (try TargetEntry(bytes: entry.value).unit(name), entry.modRevision)
        } catch {
            throw Self.damaged(entry.key, error)
        }
    }

    private func apply(_ change: UnitChange) async throws(RegistryError) -> Int64 {
        guard let result = await apply([change]).first else { throw Self.interfered(change.action) }
        return try result.get()
    }
}
