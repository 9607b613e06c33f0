// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// Debian's sshd on a port of loopback, with keys of its own, that lets the user of this process in.
struct SSHServer {
    let port: UInt16
    /// Environment in which `ssh` uses this server's key and none of the user's configuration.
    let environment: [String: String]
    let knownHosts: String

    struct Unavailable: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a server while `body` runs.
    ///
    /// - Throws: `Unavailable` when there is no sshd, or it does not come up.
    static func run<Answer: Sendable>(_ body: @Sendable (SSHServer) async throws -> Answer) async throws -> Answer {
        guard access("/usr/sbin/sshd", X_OK) == 0 else {
            throw Unavailable(description: "no /usr/sbin/sshd; run bin/install-prerequisites test")
        }
        // sshd started by root wants this folder for its unprivileged child, and only the service's start makes it.
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        return try await Fixtures.withFolder([:]) { folder in
            for key in ["host", "user"] {
                _ = try await Command.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/\(key)"])
            }
            // First on the search path, so that every ssh of the program is this one.
            let script = "#!/bin/sh\nexec /usr/bin/ssh -F none -o IdentitiesOnly=yes -i \(folder)/user \"$@\"\n"
            try script.write(toFile: "\(folder)/ssh", atomically: true, encoding: .utf8)
            chmod("\(folder)/ssh", 0o755)
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            for _ in 0..<20 {
                let port = UInt16.random(in: 10_000..<32_000)
                let configuration = """
                    ListenAddress 127.0.0.1
                    Port \(port)
                    HostKey \(folder)/host
                    AuthorizedKeysFile \(folder)/user.pub
                    PidFile none
                    StrictModes no
                    UsePAM no
                    PasswordAuthentication no

                    """
                try configuration.write(toFile: "\(folder)/config", atomically: true, encoding: .utf8)
                let server = SSHServer(
                    port: port, environment: ["PATH": "\(folder):\(path)"], knownHosts: "\(folder)/known")
                if let answer = try await server.serve(folder, body) { return answer }
            }
            throw Unavailable(description: "sshd found no free port in 20 tries")
        }
    }

    /// `nil` when the port was taken.
    private func serve<Answer: Sendable>(
        _ folder: String, _ body: @Sendable (SSHServer) async throws -> Answer
    ) async throws -> Answer? {
        let result = try await Subprocess.run(
            .path("/usr/sbin/sshd"), arguments: ["-D", "-e", "-f", "\(folder)/config"], input: .none,
            output: .discarded, error: .discarded
        ) { execution -> Result<Answer?, any Error> in
            let outcome: Result<Answer?, any Error>
            do {
                outcome = .success(try await isListening() ? try await body(self) : nil)
            } catch {
                outcome = .failure(error)
            }
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))])
            return outcome
        }
        return try result.closureResult.get()
    }

    /// Whether our server answers: its host key is the one that was just made.
    private func isListening() async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let scan = try await Command.run(["ssh-keyscan", "-p", "\(port)", "-t", "ed25519", "127.0.0.1"])
            if scan.output.contains("ssh-ed25519") {
                try scan.output.write(toFile: knownHosts, atomically: true, encoding: .utf8)
                return true
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }
}
