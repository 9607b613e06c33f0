// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Subprocess

/// A real etcd for the time of one test.
enum EtcdProcess {
    struct DidNotStart: Error {
        var url: String
    }

    /// Starts etcd in a folder and on ports of its own, hands its URL to `body`, and ends it afterwards.
    static func with<T: Sendable>(
        v2: Bool = true, _ body: @Sendable (String) async throws -> T
    ) async throws -> T {
        try await withTemporaryFolder { folder in
            var last = ""
            // Another process may hold the port that was drawn.
            for _ in 0..<5 {
                let port = Int.random(in: 20_000..<60_000)
                last = "http://127.0.0.1:\(port)"
                if let result = try await run(v2: v2, folder: "\(folder)/\(port)", port: port, body) { return result }
            }
            throw DidNotStart(url: last)
        }
    }

    private static func run<T: Sendable>(
        v2: Bool, folder: String, port: Int, _ body: @Sendable (String) async throws -> T
    ) async throws -> T? {
        let url = "http://127.0.0.1:\(port)"
        let peer = "http://127.0.0.1:\(port + 1)"
        let result = try await Subprocess.run(
            .name("etcd"),
            arguments: [
                "--data-dir", folder, "--enable-v2=\(v2)", "--listen-client-urls", url, "--advertise-client-urls", url,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
                "default=\(peer)", "--logger", "zap",
            ],
            input: .none, output: .discarded, error: .discarded
        ) { execution -> Result<T?, any Error> in
            let answer: Result<T?, any Error>
            do {
                answer = .success(try await answers(url) ? try await body(url) : nil)
            } catch {
                answer = .failure(error)
            }
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))])
            return answer
        }
        return try result.closureResult.get()
    }

    /// Whether it answers within 20 s; an etcd that found its port taken has ended and never will.
    private static func answers(_ url: String) async throws -> Bool {
        try await Shell.run([
            "curl", "--silent", "--fail", "--retry", "100", "--retry-delay", "0", "--retry-connrefused",
            "--retry-max-time", "20", "--output", "/dev/null", "\(url)/health",
        ]).status == 0
    }
}
