// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// Unit files: fetched by their hash, collected when nothing uses them any more.
extension ClusterRegistry {
    /// The unit files with these hashes; those that the store does not have, or that cannot be read, are left out.
    package func files(
        _ hashes: [ContentHash]
    ) async throws(RegistryError) -> (files: [ContentHash: UnitFile], problems: [RegistryProblem]) {
        let wanted = Set(hashes).sorted()
        let found = try await entries(wanted.map { keys.file($0) }, while: "reading \(wanted.count) unit files")
        var files: [ContentHash: UnitFile] = [:]
        var problems: [RegistryProblem] = []
        for (hash, entry) in zip(wanted, found.entries) {
            guard let entry else { continue }
            do {
                files[hash] = try UnitFile(stored: entry.value).named(hash)
            } catch {
                problems.append(RegistryProblem(key: entry.key, reason: error.reason))
            }
        }
        return (files, problems)
    }

    /// One unit file.
    ///
    /// - Throws: `.notFound`; `.damaged` when it cannot be read.
    package func file(_ hash: ContentHash) async throws(RegistryError) -> UnitFile {
        let found = try await files([hash])
        if let file = found.files[hash] { return file }
        if let problem = found.problems.first { throw Self.damaged(problem.key, RecordError(problem.reason)) }
        throw RegistryError(code: .notFound, message: "unit file \(hash) is not in the store")
    }

    /// The files that neither a unit nor an assignment of `state` uses, by hash.
    package static func unusedFiles(in state: ClusterState) -> [ContentHash] {
        var used = Set(state.units.values.map(\.hash))
        for assignments in state.assignments.values { used.formUnion(assignments.values.map(\.hash)) }
        return state.files.keys.filter { !used.contains($0) }.sorted()
    }

    /// Deletes those of `hashes` that the store says nobody has used since revision `seen`; the leader's housekeeping.
    ///
    /// No comparison of etcd's says "no unit uses this file". But every change that brings a file writes the file's
    /// key, too, so a file whose key has not been written after `seen`, and that nobody used as of `seen`, is unused.
    ///
    /// - Parameters:
    ///   - hashes: `unusedFiles(in:)` of the state as of `seen`.
    ///   - seen: The revision of that state.
    ///   - leadership: Nothing is deleted unless it still holds.
    /// - Returns: The files that were deleted.
    /// - Throws: `.deposed`.
    package func collectFiles(
        _ hashes: [ContentHash], unusedAt seen: Int64, as leadership: Leadership
    ) async throws(RegistryError) -> [ContentHash] {
        let action = "deleting unused unit files"
        var deleted: [ContentHash] = []
        let chunk = Transaction.operationLimit - 1
        for start in stride(from: 0, to: hashes.count, by: chunk) {
            let part = Array(hashes[start..<min(start + chunk, hashes.count)])
            let found = try await entries(part.map { keys.file($0) }, while: action)
            let doomed = zip(part, found.entries).compactMap { hash, entry -> (ContentHash, KeyValue)? in
                guard let entry, entry.modRevision <= seen else { return nil }
                return (hash, entry)
            }
            guard !doomed.isEmpty else { continue }
            let result = try await commit(
                Transaction(
                    if: [guarding(leadership)]
                        + doomed.map { Comparison($1.key, .equal, .modRevision($1.modRevision)) },
                    then: doomed.map { .delete(.key($1.key)) }, otherwise: [.get(.key(keys.leader))]),
                while: action)
            if result.succeeded {
                deleted += doomed.map(\.0)
            } else if try Self.found(result, count: 1, while: action)[0]?.createRevision != leadership.epoch {
                throw Self.deposed(leadership, while: action)
            }
            // Otherwise a file came into use just now: this part waits for the next collection.
        }
        return deleted
    }
}

extension UnitFile {
    /// Takes a file from the store's bytes.
    init(stored bytes: [UInt8]) throws(RecordError) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw RecordError("the file is not UTF-8") }
        do {
            try self.init(parsing: text)
        } catch {
            throw RecordError("not a unit file: \(error)")
        }
    }
}
