// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("bin/purge-discovery") struct PurgeDiscoveryTests {
    private let token = "inaetics-cluster-1"

    /// Hands the URL of a real etcd to `body`.
    private func withEtcd(v2: Bool = true, _ body: (String) async throws -> Void) async throws {
        var options = EtcdServer.Options()
        options.enablesV2 = v2
        let etcd = try await EtcdServer.start(options)
        defer { etcd.kill() }
        try await body(etcd.endpoint)
    }

    private func key(_ url: String, _ name: String) -> String { "\(url)/v2/keys/_etcd/registry/\(token)/\(name)" }

    private func fill(_ url: String) async throws {
        for (name, value) in [
            ("_config/size", "5"), ("8e9e05c52164694d", "w1=http://172.17.8.101:7001"),
            ("ce2a822cea30bfca", "w2=http://172.17.8.102:7001"), ("_state", "started"),
        ] {
            let put = try await Shell.run(["curl", "-sf", "-X", "PUT", key(url, name), "-d", "value=\(value)"])
            try #require(put.status == 0, "etcd takes \(name)")
        }
    }

    private func exists(_ url: String, _ name: String) async throws -> Bool {
        try await Shell.run(["curl", "-sf", "-o", "/dev/null", key(url, name)]).status == 0
    }

    @Test("deletes every node and the state, keeps the size, in either order of arguments", arguments: [true, false])
    func purges(urlFirst: Bool) async throws {
        try await withEtcd { url in
            try await fill(url)
            let arguments = urlFirst ? [url, token] : [token, "\(url)/v2/keys/_etcd/registry"]
            let first = try await Shell.run(["bin/purge-discovery"] + arguments)
            #expect(first.status == 0, "\(first.error)")
            let shown = urlFirst ? url : arguments[1]
            #expect(
                first.lines == [
                    "Cleaning discovered nodes for \(shown) from \(token)...",
                    "Deleting node '\(token)/8e9e05c52164694d'...",
                    "Deleting node '\(token)/ce2a822cea30bfca'...",
                    "Deleting '_state'...",
                ])
            #expect(try await exists(url, "_config/size"))
            #expect(try await !exists(url, "8e9e05c52164694d"))
            #expect(try await !exists(url, "_state"))

            let second = try await Shell.run(["bin/purge-discovery"] + arguments)
            #expect(second.status == 0)
            #expect(second.lines.last == "Nothing to delete.")
        }
    }

    @Test("runs under the seed's name and by the seed's sh")
    func seedName() async throws {
        try await withEtcd { url in
            try await fill(url)
            let script = "\(Shell.repository)/bin/purge_etcd_discovery.sh"
            let outcome = try await Shell.run(["sh", script, url, token])
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(try await !exists(url, "8e9e05c52164694d"))
        }
    }

    @Test("a token that does not exist is an error that names it")
    func missingToken() async throws {
        try await withEtcd { url in
            let outcome = try await Shell.run(["bin/purge-discovery", url, "no-such-token"])
            #expect(outcome.status == 1)
            #expect(outcome.error.contains("no discovery token 'no-such-token'"))
        }
    }

    @Test("an etcd without the v2 API is told from a missing token")
    func withoutV2() async throws {
        try await withEtcd(v2: false) { url in
            let outcome = try await Shell.run(["bin/purge-discovery", url, token])
            #expect(outcome.status == 1)
            #expect(outcome.error.contains("--enable-v2"))
        }
    }

    @Test(
        "wrong arguments and a missing server end with status 1",
        arguments: [
            ([], "no token"), (["http://127.0.0.1:1"], "no token"), (["a", "b"], "two tokens"),
            (["http://a", "http://b"], "two URLs"), (["a/../b", "http://a"], "is no discovery token"),
            (["inaetics-cluster-1", "http://127.0.0.1:1"], "no answer from http://127.0.0.1:1/v2/keys/_etcd/registry"),
            (["--frobnicate"], "unknown option"),
        ])
    func refuses(arguments: [String], message: String) async throws {
        let outcome = try await Shell.run(["bin/purge-discovery"] + arguments)
        #expect(outcome.status == 1)
        #expect(outcome.error.contains(message), "\(outcome.error)")
    }

    @Test("deletes registrations without a session, and never those of a living machine")
    func registrations() async throws {
        try await withEtcd { url in
            func etcdctl(_ words: String...) async throws -> Shell.Outcome {
                try await Shell.run(
                    ["etcdctl"] + words,
                    environment: [
                        "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": url, "ETCDCTL_DIAL_TIMEOUT": "60s",
                        "ETCDCTL_COMMAND_TIMEOUT": "60s",
                    ])
            }
            let grant = try await etcdctl("lease", "grant", "600")
            let lease = try #require(grant.output.split(separator: " ").dropFirst().first.map(String.init))
            _ = try await etcdctl("put", "/flotilla/default/machines/alive", "{}", "--lease=\(lease)")
            _ = try await etcdctl("put", "/flotilla/default/states/alive/web.service", "{}", "--lease=\(lease)")
            _ = try await etcdctl("put", "/flotilla/default/machines/dead", "{}")
            _ = try await etcdctl("put", "/flotilla/default/states/dead/web.service", "{}")
            _ = try await etcdctl("put", "/flotilla/default/schedule/dead/web.service", "{}")
            _ = try await etcdctl("put", "/flotilla/other/machines/dead", "{}")

            let first = try await Shell.run(["bin/purge-discovery", "--registrations", url])
            #expect(first.status == 0, "\(first.error)")
            #expect(
                first.lines == [
                    "Cleaning registrations of cluster default at \(url)...", "Deleting 'machines/dead'...",
                    "Deleting 'states/dead/web.service'...",
                ])
            let left = try await etcdctl("get", "--prefix", "/flotilla/", "--keys-only")
            #expect(
                left.lines == [
                    "/flotilla/default/machines/alive", "/flotilla/default/schedule/dead/web.service",
                    "/flotilla/default/states/alive/web.service", "/flotilla/other/machines/dead",
                ])
            let second = try await Shell.run(["bin/purge-discovery", "--registrations", url])
            #expect(second.lines.last == "Nothing to delete.")
        }
    }
}
