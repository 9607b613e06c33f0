// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd

/// Reading and changing single records, whatever kind they are.
extension ClusterRegistry {
    /// One record with its entry; `nil` when there is none.
    ///
    /// - Throws: `.damaged` when it cannot be read.
    func record<Record: StoredRecord>(
        _ key: String, while action: String
    ) async throws(RegistryError) -> (record: Record, entry: KeyValue)? {
        guard let entry = try await get(.key(key), while: action).keys.first else { return nil }
        return (try Self.read(entry), entry)
    }

    private static func read<Record: StoredRecord>(_ entry: KeyValue) throws(RegistryError) -> Record {
        do {
            return try Record(bytes: entry.value)
        } catch {
            throw damaged(entry.key, error)
        }
    }

    /// All records of a kind, by key; those that cannot be read as problems.
    func records<Record: StoredRecord>(
        _ selector: KeySelector, while action: String
    ) async throws(RegistryError) -> (records: [Record], problems: [RegistryProblem]) {
        var records: [Record] = []
        var problems: [RegistryProblem] = []
        for entry in try await get(selector, while: action).keys {
            do {
                records.append(try Record(bytes: entry.value))
            } catch {
                problems.append(RegistryProblem(key: entry.key, reason: error.reason))
            }
        }
        return (records, problems)
    }

    /// Replaces a record by what `edit` makes of it, unless others change it in between: then anew, `tries` times at most.
    ///
    /// Fields that we do not know stay, and so does the lease. A record that is as it should be is not written. When an answer is
    /// lost the caller hears `mayHaveHappened`.
    ///
    /// - Returns: The revision at which the store is as `edit` wants it.
    /// - Throws: What `edit` throws; `.damaged` when the record cannot be read.
    func change<Record: StoredRecord>(
        _ key: String, tries: Int = attemptLimit, lease: LeaseID = .none, while action: String,
        _ edit: (Record?) throws(RegistryError) -> Record
    ) async throws(RegistryError) -> Int64 {
        for _ in 0..<tries {
            let found = try await get(.key(key), while: action)
            let current = found.keys.first
            let wanted = try edit(try current.map { (entry) throws(RegistryError) in try Self.read(entry) })
            let bytes: [UInt8]
            do {
                bytes =
                    try current.map { (entry) throws(RecordError) in try wanted.bytes(replacing: entry.value) }
                    ?? wanted.bytes
            } catch {
                throw Self.damaged(key, error)
            }
            if bytes == current?.value { return found.revision }
            let result = try await commit(
                Transaction(
                    if: [Comparison(key, .equal, .modRevision(current?.modRevision ?? 0))],
                    then: [.put(key: key, value: bytes, lease: current?.lease ?? lease)]), while: action)
            if result.succeeded { return result.revision }
        }
        throw Self.interfered(action)
    }
}
