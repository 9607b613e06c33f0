// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd

/// Writes the audit: entries that etcd itself throws away when their time has come.
///
/// A lease per entry would cost etcd more than the entry. So entries share one, made to last for the retention and a part of it
/// more; nobody renews it, and when that part has passed the next entry begins another. A change of etcd's leader gives
/// every lease its full time again, so entries may live longer than they should, never shorter.
package actor AuditLog {
    private let registry: ClusterRegistry
    private let retention: Int
    /// How long one lease takes new entries, in seconds.
    private let share: Int
    private var lease: LeaseID?
    private var leaseEnds = ContinuousClock.now
    private var granting: Task<Result<LeaseID, EtcdError>, Never>?

    /// - Parameters:
    ///   - registry: Whose cluster it is.
    ///   - retention: How long each entry is kept at least, in seconds.
    package init(registry: ClusterRegistry, retention: Int = 30 * 86_400) {
        self.registry = registry
        self.retention = max(retention, 1)
        share = min(max(self.retention / 24, 1), 86_400)
    }

    /// Writes one entry.
    ///
    /// - Throws: `.store` when etcd does not do it; then the entry may be there all the same if the error says so.
    package func append(_ entry: AuditEntry) async throws(RegistryError) {
        var generator = SystemRandomNumberGenerator()
        let key = registry.keys.event(entry.moment, String(generator.next(), radix: 36))
        do {
            try await put(key, entry, under: try await currentLease())
        } catch {
            guard error.code == .sessionLost else { throw error }
            // The lease is gone, with an etcd that was set back or by somebody's hand.
            lease = nil
            try await put(key, entry, under: try await currentLease())
        }
    }

    private func put(_ key: String, _ entry: AuditEntry, under lease: LeaseID) async throws(RegistryError) {
        _ = try await registry.commit(
            Transaction(then: [.put(key: key, value: entry.bytes, lease: lease)]), while: "writing the audit")
    }

    private func currentLease() async throws(RegistryError) -> LeaseID {
        if let lease, ContinuousClock.now < leaseEnds { return lease }
        let task =
            granting
            ?? Task { [registry, retention, share] in
                do throws(EtcdError) {
                    return .success(try await registry.store.grantLease(ttl: retention + share).lease)
                } catch {
                    return .failure(error)
                }
            }
        granting = task
        let result = await task.value
        if granting == task {
            granting = nil
            if case .success(let fresh) = result {
                lease = fresh
                leaseEnds = .now + .seconds(share)
            }
        }
        do {
            return try result.get()
        } catch {
            throw RegistryError(error, while: "writing the audit")
        }
    }
}

extension ClusterRegistry {
    /// Entries of the audit in the order of their moments, in milliseconds since 1970.
    ///
    /// - Parameters:
    ///   - start: The first moment of interest.
    ///   - end: The first one after those of interest.
    /// - Returns: What can be read, and what cannot.
    /// - Throws: `.store` when etcd cannot be read.
    package func auditEntries(
        from start: Int64 = 0, before end: Int64 = .max
    ) async throws(RegistryError) -> (entries: [AuditEntry], problems: [RegistryProblem]) {
        guard start < end else { return ([], []) }
        let found: (records: [AuditEntry], problems: [RegistryProblem]) = try await records(
            keys.events(from: start, before: end), while: "reading the audit")
        return (found.records, found.problems)
    }
}
