// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// What lies in the cluster's etcd, read without any code of ours.
extension Cluster {
    private static let prefix = "/flotilla/default/"

    /// Prints what is left after the prefix of each key that begins with it.
    func storeKeys(_ prefix: String) async throws -> [String] {
        let whole = Self.prefix + prefix
        return try await etcdctl("get --prefix --keys-only '\(whole)'").map { String($0.dropFirst(whole.count)) }
    }

    /// The value of a key; empty when it is absent.
    func storeValue(_ key: String) async throws -> String {
        try await etcdctl("get --print-value-only '\(Self.prefix)\(key)'").joined(separator: "\n")
    }

    /// The store's revision, which grows with each change of anything.
    func storeRevision() async throws -> Int {
        let text = try await network("\(command) get --limit=1 --prefix / -w json | jq .header.revision")
        guard let revision = text.first.flatMap({ Int($0) }) else { throw ClusterFailure("no revision: \(text)") }
        return revision
    }

    /// The whole id of a machine that is up.
    func machineID(_ machine: String) async throws -> String {
        try await inside(machine, "cat /etc/machine-id").joined()
    }

    /// The lease that the record of a machine lives under.
    func lease(of machine: String) async throws -> String {
        let id = try await machineID(machine)
        // Not through jq, which rounds numbers of this size: neighbouring leases would look the same.
        let lease = try await network(
            "\(command) get '\(Self.prefix)machines/\(id)' -w fields | awk '/Lease/ { print $3 }'"
        ).joined()
        guard lease.count > 4 else { throw ClusterFailure("\(machine) has no session: \(lease)") }
        return lease
    }

    /// When a machine's record vanishes from the store, in seconds of the host's monotonic clock.
    ///
    /// Call it before the cause: it watches. It gives up after a minute.
    ///
    /// - Parameter id: The machine's id, asked for while it still answers.
    /// - Returns: The moment.
    /// - Throws: `ClusterFailure` when the record is still there after a minute.
    func endOfSession(ofMachine id: String) async throws -> Double {
        // /proc/uptime counts as systemd's monotonic timestamps do, on all machines of one host.
        let text = try await network(
            """
            exec 3< <(exec timeout 60 \(command) watch '\(Self.prefix)machines/\(id)')
            watch=$!
            while read -r line <&3; do
                [[ $line == DELETE ]] || continue
                read -r now _ </proc/uptime
                kill "$watch"
                echo "$now"
                exit 0
            done
            echo "the record was not deleted within a minute" >&2
            exit 1
            """)
        guard let moment = text.first.flatMap({ Double($0) }) else { throw ClusterFailure("no moment: \(text)") }
        return moment
    }

    /// Where etcd's members answer.
    private var endpoints: String {
        (2..<2 + members).map { "https://172.17.8.\($0):2379" }.joined(separator: ",")
    }

    /// etcd's own command line as its root user.
    var command: String {
        "env ETCDCTL_API=3 etcdctl --endpoints=\(endpoints) --cacert=\(state)/authority/authorities.pem "
            + "--user=\"root:$(cat \(state)/authority/etcd-root-password)\""
    }

    private func etcdctl(_ words: String) async throws -> [String] {
        try await network("\(command) \(words)")
    }

    private func network(_ script: String) async throws -> [String] {
        try await control("net", "bash", "-euo", "pipefail", "-c", script)
    }
}
