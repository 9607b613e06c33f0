// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// What a restoration did.
package struct RestoreReport: Hashable, Sendable {
    /// How many units and other records were written.
    package var units = 0
    package var others = 0
    /// Units that were there and are not in the backup; they were left alone.
    package var kept: [String] = []
    /// How many records were left out, since they are about another cluster's users and machines.
    package var leftOut = 0
    /// The revision at which all of it is committed.
    package var revision: Int64 = 0

    package init() {}
}

/// A cluster's wanted state, saved and brought back.
extension ClusterRegistry {
    /// All that users want of the cluster, at one revision.
    ///
    /// - Parameter moment: Now, in milliseconds since 1970.
    /// - Returns: The backup, and what could not be read and is therefore not in it.
    /// - Throws: `.store` when etcd cannot be read.
    package func backup(at moment: Int64) async throws(RegistryError) -> (
        backup: ClusterBackup, problems: [RegistryProblem]
    ) {
        let found = try await wanted(while: "saving the cluster")
        var records: [ClusterBackup.Record] = []
        var problems: [RegistryProblem] = []
        for entry in found.entries {
            guard let value = String(validating: entry.value, as: UTF8.self) else {
                problems.append(RegistryProblem(key: entry.key, reason: "the value is not UTF-8"))
                continue
            }
            let record = ClusterBackup.Record(path: String(entry.key.dropFirst(keys.prefix.count)), value: value)
            if let reason = ClusterBackup.fault(in: record) {
                problems.append(RegistryProblem(key: entry.key, reason: reason))
            } else {
                records.append(record)
            }
        }
        // A unit without its file would make the whole backup useless.
        let files = Set(records.map(\.path).filter { $0.hasPrefix("\(Records.files.folder)/") })
        records.removeAll { record in
            guard record.kind == Records.units.folder,
                let hash = try? TargetEntry(bytes: Array(record.value.utf8)).hash,
                !files.contains("\(Records.files.folder)/\(hash)")
            else { return false }
            problems.append(
                RegistryProblem(key: keys.prefix + record.path, reason: "its unit file \(hash) cannot be read"))
            return true
        }
        let backup = ClusterBackup(
            cluster: keys.cluster.rawValue, created: moment, revision: found.revision, records: records)
        return (backup, problems)
    }

    /// Makes the store want what the backup says.
    ///
    /// Units of the cluster that are not in the backup stay. Identities that the store has win over the backup's, so that a
    /// machine or user revoked since is not let in again. Of another cluster's backup only what is about units comes in: its
    /// users and machines are strangers here, and its cordons and metadata are about machines that are not.
    ///
    /// - Parameters:
    ///   - backup: Read and checked by `ClusterBackup.init(parsing:)`.
    ///   - overwrite: Whether units and other records that are there give way to those of the backup.
    ///   - withMembers: Whether another cluster's users, machines, metadata and cordons come in as well.
    /// - Returns: What was written and what was left alone.
    /// - Throws: `.conflict` when the cluster wants something already and `overwrite` is not set. When etcd fails on the way, the
    ///   message says how far it came; repeating with `overwrite` completes it.
    package func restore(
        _ backup: ClusterBackup, overwrite: Bool = false, withMembers: Bool = false
    ) async throws(RegistryError) -> RestoreReport {
        let action = "restoring the cluster"
        let present = try await wanted(while: action)
        var backup = backup
        let count = backup.records.count
        if !withMembers, isForeign(backup, present.entries) {
            backup.records.removeAll { !$0.backup.isForAnyCluster }
        }
        let paths = Set(present.entries.map { String($0.key.dropFirst(keys.prefix.count)) })
        let own = paths.filter { ClusterBackup.Record(path: $0, value: "").backup.isWish }
        guard overwrite || own.isEmpty else {
            let units = own.count { ClusterBackup.Record(path: $0, value: "").kind == Records.units.folder }
            throw RegistryError(
                code: .conflict,
                while: action,
                message: "cluster \(keys.cluster) is not empty (units: \(units), other records: \(own.count - units)); "
                    + "restore into an empty one, or with --overwrite, by which what is there gives way")
        }
        var report = RestoreReport()
        report.leftOut = count - backup.records.count
        report.revision = present.revision
        for batch in batches(backup, present: paths) {
            var transaction = Transaction(then: batch.flatMap(\.operations))
            if !overwrite { transaction.comparisons = batch.compactMap { $0.isUnit ? .absent($0.key) : nil } }
            let result: TransactionResult
            do {
                result = try await commit(transaction, while: action)
            } catch {
                throw halfway(error, report, of: backup)
            }
            guard result.succeeded else {
                throw halfway(
                    RegistryError(code: .conflict, while: action, message: "somebody else makes units at this moment"),
                    report, of: backup)
            }
            report.revision = result.revision
            report.units += batch.count { $0.isUnit }
            report.others += batch.count { !$0.isUnit }
        }
        let restored = Set(backup.records.map(\.path))
        let folder = "\(Records.units.folder)/"
        report.kept = paths.filter { $0.hasPrefix(folder) && !restored.contains($0) }
            .map { String($0.dropFirst(folder.count)) }.sorted()
        return report
    }

    /// Whether the backup is of another cluster than this: by its name, or by whom both believe.
    ///
    /// While one authority takes over from another the bundles have one in common.
    private func isForeign(_ backup: ClusterBackup, _ present: [KeyValue]) -> Bool {
        guard backup.cluster == keys.cluster.rawValue else { return true }
        func certificates(_ bytes: [UInt8]) -> Set<Substring>? {
            guard let entry = try? AuthoritiesEntry(bytes: bytes) else { return nil }
            return Set(entry.bundle.split(separator: "-----BEGIN CERTIFICATE-----").filter { $0.contains("-----END") })
        }
        guard let here = present.first(where: { $0.key == keys.authorities }).flatMap({ certificates($0.value) }),
            let there = backup.records.first(where: { keys.prefix + $0.path == keys.authorities }).flatMap({
                certificates(Array($0.value.utf8))
            })
        else { return false }
        return here.isDisjoint(with: there)
    }

    /// Something to be written together.
    private struct Step {
        var key: String
        var isUnit = false
        var operations: [Operation]
        var bytes: Int
    }

    /// What to write, files before units, so that nobody meets a unit without its file.
    private func batches(_ backup: ClusterBackup, present: Set<String>) -> [[Step]] {
        let companions = backup.records.filter { $0.backup.restoring == .withUnit }
        let results = Dictionary(
            companions.map { (keys.prefix + $0.path, $0.value) }, uniquingKeysWith: { first, _ in first })
        var files: [Step] = []
        var others: [Step] = []
        for record in backup.records {
            let key = keys.prefix + record.path
            var step = Step(
                key: key, operations: [.put(key, Array(record.value.utf8))], bytes: record.value.utf8.count)
            switch record.backup.restoring {
            case .first: files.append(step)
            case .withUnit, nil: break
            case .ifAbsent: if !present.contains(record.path) { others.append(step) }
            case .asUnit:
                step.isUnit = true
                // Another unit's end of work must not count for this one.
                let name = String(record.path.dropFirst(record.kind.utf8.count + 1))
                let result = keys.key(Records.results, FreeName(name))
                step.operations.append(
                    results[result].map { .put(result, Array($0.utf8)) } ?? .delete(.key(result)))
                others.append(step)
            case .asWish: others.append(step)
            }
        }
        return Self.packed(files) + Self.packed(others)
    }

    private static func packed(_ steps: [Step]) -> [[Step]] {
        var batches: [[Step]] = []
        var operations = 0
        var bytes = 0
        for step in steps {
            operations += step.operations.count
            bytes += step.bytes
            if batches.isEmpty || operations > Transaction.operationLimit || bytes > transactionBytes {
                batches.append([])
                (operations, bytes) = (step.operations.count, step.bytes)
            }
            batches[batches.count - 1].append(step)
        }
        return batches
    }

    private func halfway(_ error: RegistryError, _ report: RestoreReport, of backup: ClusterBackup) -> RegistryError {
        let done = report.units + report.others
        guard done > 0 || error.mayHaveHappened else { return error }
        var error = error
        error.reason += "; \(done) of \(backup.records.count) records are written, overwrite to complete it"
        error.mayHaveHappened = true
        return error
    }

    /// Everything below the cluster's prefix but the kinds that no backup has, at one revision.
    private func wanted(while action: String) async throws(RegistryError) -> (entries: [KeyValue], revision: Int64) {
        var entries: [KeyValue] = []
        var revision: Int64 = 0
        // '0' follows '/': the end of a prefix that ends in a slash.
        var start = keys.prefix
        let ends = Records.all.filter { $0.backup == .left }.map(\.folder).sorted().map {
            (keys.prefix + $0, keys.prefix + $0 + "0")
        }
        for (end, next) in ends + [(keys.prefix.dropLast() + "0", "")] {
            do {
                let found = try await store.get(.range(start, before: end), revision: revision)
                if revision == 0 { revision = found.revision }
                entries += found.keys
            } catch {
                throw RegistryError(error, while: action)
            }
            start = next
        }
        return (entries, revision)
    }
}
