// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
internal import Glibc
package import HTTPTransport

/// A real etcd on free loopback ports and a folder of its own, for tests.
///
/// It dies with the test process, whatever ends that, and its folder goes with the object.
package final class EtcdServer: Sendable {
    /// Files with which etcd lets in whom they say, and nobody else.
    package struct Closure: Sendable {
        /// etcd's settings as lines of its environment; lines that begin with # say nothing.
        package var environment: String
        /// What a client shows.
        package var settings: TLSSettings

        package init(environment: String, settings: TLSSettings) {
            self.environment = environment
            self.settings = settings
        }

        /// etcd takes each setting from a flag as well: `ETCD_CERT_FILE=x` is `--cert-file=x`.
        var flags: [String] {
            environment.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                let sides = line.split(separator: "=", maxSplits: 1)
                return "--" + sides[0].dropFirst(5).lowercased().replacing("_", with: "-") + "=" + sides[1]
            }
        }
    }

    /// How to run etcd.
    package struct Options: Sendable {
        /// Space quota in bytes; `nil` is etcd's default.
        package var quotaBytes: Int?
        /// Certificates for the clients' side; `nil` is plain HTTP.
        package var certificates: EtcdCertificates?
        /// Mutual TLS for clients and peers, in the place of `certificates`.
        package var closure: Closure?
        /// Whether clients must show a certificate of the same authority.
        package var wantsClientCertificates = false
        /// Another loopback address to listen on for clients; certificates do not name it.
        package var secondAddress: String?
        /// Serve the old version 2 API as well.
        package var enablesV2 = false
        /// The election time-out is ten times as long, and no lease lasts less than one and a half of those.
        package var heartbeatMilliseconds = 100
        /// The program, found through `PATH` or by its path.
        package var program = "etcd"
        /// What tokens are signed with; `nil` is etcd's default, tokens that it keeps in memory.
        package var tokenKey: EtcdTokenKey?
        /// Further flags as they go on the command line.
        package var extra: [String] = []

        package init() {}
    }

    package let name: String
    package let clientPort: Int
    package let peerPort: Int
    package let options: Options
    /// Where data and log are.
    package let folder: String
    /// `name=url` of every member, as etcd wants it.
    let initialCluster: String
    private let process = Locked<ChildProcess?>(nil)

    package var endpoint: String {
        "\(options.certificates == nil && options.closure == nil ? "http" : "https")://127.0.0.1:\(clientPort)"
    }
    package var peerEndpoint: String { "\(options.closure == nil ? "http" : "https")://127.0.0.1:\(peerPort)" }
    private var listenURLs: String {
        guard let second = options.secondAddress else { return endpoint }
        return endpoint + "," + endpoint.replacing("127.0.0.1", with: second)
    }
    package var logFile: String { "\(folder)/etcd.log" }
    package var pid: Int32? { process.withLock { $0?.pid } }

    private init(
        name: String, clientPort: Int, peerPort: Int, options: Options, folder: String, initialCluster: String
    ) {
        self.name = name
        self.clientPort = clientPort
        self.peerPort = peerPort
        self.options = options
        self.folder = folder
        self.initialCluster = initialCluster
    }

    deinit {
        process.withLock { $0?.end(with: SIGKILL) }
        removeTree(folder)
    }

    /// Starts a cluster of one and waits until it has a leader; tries other ports when somebody took them first.
    package static func start(_ options: Options = Options()) async throws -> EtcdServer {
        var last: any Error = TestFixtureError("never tried")
        for _ in 0..<5 {
            let server = try prepare(count: 1, options: options)[0]
            do {
                try await server.start()
                return server
            } catch {
                last = error
            }
        }
        throw last
    }

    /// Starts another etcd that learns from this one, which must be alone: it has no vote.
    package func startLearner() async throws -> EtcdServer {
        let ports = try freePorts(2)
        let address = "http://127.0.0.1:\(ports[1])"
        let outcome = try await Shell.run(
            ["etcdctl", "--endpoints", endpoint, "member", "add", "learner", "--learner", "--peer-urls", address],
            environment: ["ETCDCTL_API": "3"])
        guard outcome.status == 0 else { throw TestFixtureError("no learner beside \(endpoint): \(outcome.error)") }
        var options = options
        options.extra += ["--initial-cluster-state", "existing"]
        let learner = EtcdServer(
            name: "learner", clientPort: ports[0], peerPort: ports[1], options: options,
            folder: try temporaryFolder("flotilla-etcd"), initialCluster: "\(initialCluster),learner=\(address)")
        try await learner.start()
        return learner
    }

    /// Members that know of each other, not started.
    static func prepare(count: Int, options: Options) throws -> [EtcdServer] {
        let ports = try freePorts(count * 2)
        let scheme = options.closure == nil ? "http" : "https"
        let cluster = (0..<count).map { "m\($0)=\(scheme)://127.0.0.1:\(ports[$0 * 2 + 1])" }.joined(separator: ",")
        return try (0..<count).map {
            EtcdServer(
                name: "m\($0)", clientPort: ports[$0 * 2], peerPort: ports[$0 * 2 + 1], options: options,
                folder: try temporaryFolder("flotilla-etcd"), initialCluster: cluster)
        }
    }

    // MARK: Life and death

    /// Starts the process on the data that is there, and waits until it has a leader.
    package func start(timeout: Duration = .seconds(120)) async throws {
        try launch()
        try await waitUntilHealthy(timeout: timeout)
    }

    /// Starts the process and waits for nothing.
    package func launch() throws {
        var arguments = [
            options.program, "--name", name, "--data-dir", "\(folder)/data", "--listen-client-urls",
            listenURLs,
            "--advertise-client-urls", endpoint, "--listen-peer-urls", peerEndpoint,
            "--initial-advertise-peer-urls", peerEndpoint, "--initial-cluster", initialCluster,
            "--heartbeat-interval", String(options.heartbeatMilliseconds),
            "--election-timeout", String(options.heartbeatMilliseconds * 10), "--log-level", "warn", "--logger", "zap",
        ]
        if let quota = options.quotaBytes { arguments += ["--quota-backend-bytes", String(quota)] }
        arguments += options.tokenKey?.flags ?? []
        if options.enablesV2 { arguments += ["--enable-v2"] }
        if let certificates = options.certificates {
            arguments += ["--cert-file", certificates.serverCertificate, "--key-file", certificates.serverKey]
            if options.wantsClientCertificates {
                arguments += ["--client-cert-auth", "--trusted-ca-file", certificates.authority]
            }
        }
        arguments += options.closure?.flags ?? []
        let child = try ChildProcess(arguments + options.extra, output: logFile)
        let previous = process.withLock { process in
            defer { process = child }
            return process
        }
        previous?.end(with: SIGKILL)
    }

    /// Ends it as an operator would; the data stay.
    package func stop() { end(with: SIGTERM) }

    /// Ends it as a power cut would; the data stay.
    package func kill() { end(with: SIGKILL) }

    /// Freezes it: connections stay open and the kernel accepts new ones, but nothing answers.
    package func pause() { process.withLock { $0?.signal(SIGSTOP) } }

    /// Lets it go on after `pause()`.
    package func resume() { process.withLock { $0?.signal(SIGCONT) } }

    /// Throws away its data; it must not run.
    package func eraseData() { removeTree("\(folder)/data") }

    private func end(with signal: Int32) {
        let child = process.withLock { process in
            defer { process = nil }
            return process
        }
        child?.end(with: signal)
    }

    // MARK: Talking to it

    /// What a client needs to reach it; times out sooner than the default does where `timeout` says so.
    package func configuration(timeout: Duration = .seconds(5)) -> EtcdConfiguration {
        EtcdConfiguration(
            endpoints: [endpoint], tls: options.closure?.settings ?? options.certificates?.settings,
            requestTimeout: timeout,
            probeTimeout: .seconds(3))
    }

    /// A client of this server alone.
    package func client(timeout: Duration = .seconds(5)) throws -> EtcdClient {
        try EtcdClient(configuration(timeout: timeout))
    }

    package func waitUntilHealthy(timeout: Duration = .seconds(120)) async throws {
        let client = try client()
        let start = ContinuousClock.now
        while ContinuousClock.now - start < timeout {
            if process.withLock({ $0?.hasExited ?? true }) { break }
            if case .healthy = await client.probe(endpoint) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw TestFixtureError("etcd \(name) on \(endpoint) did not become healthy; its log ends:\n\(logTail)")
    }

    /// The end of its log, for messages of failed tests.
    package var logTail: String { (try? readTail(of: logFile, limit: 4_000)) ?? "no log" }
}

/// Several members of one etcd cluster.
package final class EtcdCluster: Sendable {
    package let members: [EtcdServer]

    private init(members: [EtcdServer]) { self.members = members }

    /// Starts `count` members and waits until each knows the leader.
    package static func start(
        _ count: Int = 3, options: EtcdServer.Options = EtcdServer.Options()
    ) async throws -> EtcdCluster {
        var last: any Error = TestFixtureError("never tried")
        for _ in 0..<5 {
            let members = try EtcdServer.prepare(count: count, options: options)
            do {
                for member in members { try member.launch() }
                for member in members { try await member.waitUntilHealthy() }
                return EtcdCluster(members: members)
            } catch {
                last = error
            }
        }
        throw last
    }

    package var endpoints: [String] { members.map(\.endpoint) }

    package func configuration(timeout: Duration = .seconds(5)) -> EtcdConfiguration {
        EtcdConfiguration(
            endpoints: endpoints, tls: members.first?.configuration().tls, requestTimeout: timeout,
            probeTimeout: .seconds(3))
    }

    /// A client that knows all members.
    package func client(timeout: Duration = .seconds(5)) throws -> EtcdClient {
        try EtcdClient(configuration(timeout: timeout))
    }

    /// The member that leads now, as the members say; `nil` while there is none.
    package func leader() async throws -> EtcdServer? {
        let client = try client()
        for member in members {
            if case .healthy(let leader, _, let id) = await client.probe(member.endpoint), leader == id {
                return member
            }
        }
        return nil
    }
}
