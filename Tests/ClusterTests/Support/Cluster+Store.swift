// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
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

    /// How a machine's session ended.
    struct SessionEnd: Sendable {
        /// When a watch told of it, in seconds of the host's monotonic clock: a moment later than it was, never earlier.
        var moment: Double
        /// The store's revision that deleted the record.
        var revision: Int
    }

    /// Does something that ends sessions, and waits for the ends of these machines' sessions.
    ///
    /// - Parameters:
    ///   - ids: The machines' ids, asked for while they still answer.
    ///   - cause: What ends their sessions; begins when their records are being watched.
    /// - Returns: The ends by machine id.
    /// - Throws: `ClusterFailure` when a record is still there after two minutes.
    func endsOfSessions(
        ofMachines ids: [String], after cause: () async throws -> Void
    ) async throws -> [String: SessionEnd] {
        try await withTemporaryFolder { folder in
            async let ends = withThrowingTaskGroup(of: (String, SessionEnd).self) { group in
                for id in ids { group.addTask { (id, try await watchSession(id, sign: "\(folder)/\(id)")) } }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for id in ids {
                try await until("the watch of \(id) stands") { access("\(folder)/\(id)", F_OK) == 0 }
            }
            try await cause()
            return try await ends
        }
    }

    /// Watches a record from its present revision on; when etcd has told of that, writes the file `sign`.
    private func watchSession(_ id: String, sign: String) async throws -> SessionEnd {
        // /proc/uptime counts as systemd's monotonic timestamps do, on all machines of one host.
        let text = try await network(
            """
            key='\(Self.prefix)machines/\(id)'
            since=$(\(command) get "$key" -w fields | awk '/"ModRevision"/ { print $3 }')
            exec 3< <(exec timeout 120 \(command) watch --rev="$since" -w fields "$key")
            watch=$! word=
            while read -r name _ value <&3; do
                case $name in
                '"Type"')
                    read -r now _ </proc/uptime
                    word=$value
                    [[ $word == DELETE ]] || : >'\(sign)'
                    ;;
                '"ModRevision"')
                    [[ $word == DELETE ]] || continue
                    kill "$watch"
                    echo "$now $value"
                    exit 0
                    ;;
                esac
            done
            echo "the record was not deleted within two minutes" >&2
            exit 1
            """)
        let words = text.joined().split(separator: " ")
        guard words.count == 2, let moment = Double(words[0]), let revision = Int(words[1]) else {
            throw ClusterFailure("no end of a session: \(text)")
        }
        return SessionEnd(moment: moment, revision: revision)
    }

    /// The store's revision at which a machine claimed a unit; it may touch systemd for it only from then on.
    func claim(of unit: String, on machine: String) async throws -> Int {
        let key = "\(Self.prefix)states/\(try await machineID(machine))/\(unit)"
        let text = try await etcdctl("get '\(key)' -w fields | awk '/\"CreateRevision\"/ { print $3 }'")
        guard let revision = text.first.flatMap({ Int($0) }) else { throw ClusterFailure("no claim of \(unit)") }
        return revision
    }

    /// Deletes the state of a unit, as somebody might by hand.
    func deleteState(of unit: String, on machine: String) async throws {
        let key = "\(Self.prefix)states/\(try await machineID(machine))/\(unit)"
        guard try await etcdctl("del '\(key)'") == ["1"] else { throw ClusterFailure("no state of \(unit)") }
    }

    /// Where etcd's members answer.
    private var endpoints: String {
        (2..<2 + members).map { "https://172.17.8.\($0):2379" }.joined(separator: ",")
    }

    /// etcd's own command line as its root user.
    var command: String {
        "env ETCDCTL_API=3 etcdctl --dial-timeout=30s --command-timeout=60s --endpoints=\(endpoints) "
            + "--cacert=\(state)/authority/authorities.pem --cert=\(state)/etcd/tls/certificate.pem "
            + "--key=\(state)/etcd/tls/key.pem "
            + "--user=\"root:$(cat \(state)/authority/etcd-root-password)\""
    }

    private func etcdctl(_ words: String) async throws -> [String] {
        try await network("\(command) \(words)")
    }

    private func network(_ script: String) async throws -> [String] {
        try await control("net", "bash", "-euo", "pipefail", "-c", script)
    }
}
