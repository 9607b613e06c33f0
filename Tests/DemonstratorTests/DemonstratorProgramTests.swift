// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

@Suite("demonstrator serve", .timeLimit(.minutes(3))) struct DemonstratorProgramTests {
    /// The program lies beside the tests, where the package manager built both.
    private var program: String {
        get throws {
            let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            let folder = tests.split(separator: "/").dropLast().joined(separator: "/")
            return "/\(folder)/demonstrator"
        }
    }

    private func arguments(_ kind: String, _ instance: String, _ port: Int) -> Arguments {
        [
            "serve", "--kind", kind, "--instance", instance, "--address", "127.0.0.1", "--port", "\(port)",
            "--hostname", "worker-1", "--machine-id", "81c",
        ]
    }

    private func get(_ url: String) async throws -> (isFine: Bool, body: String) {
        let result = try await Subprocess.run(
            .name("curl"), arguments: ["-sf", "--retry", "60", "--retry-connrefused", "--retry-delay", "1", url],
            output: .string(limit: 100_000))
        return (result.terminationStatus.isSuccess, result.standardOutput)
    }

    /// Serves as celix@1 on a port of its own while `body` runs; gives the status that SIGTERM ended it with.
    private func serving(_ body: @Sendable (Int) async throws -> Void) async throws -> TerminationStatus {
        // Below the ports that the kernel gives to whoever asks for any.
        let port = Int.random(in: 10_000..<32_000)
        let result = try await Subprocess.run(
            .path(FilePath(try program)), arguments: arguments("celix", "1", port), input: .none, output: .discarded,
            error: .discarded
        ) { execution -> Result<Void, any Error> in
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(port)) } catch { outcome = .failure(error) }
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(30))])
            return outcome
        }
        try result.closureResult.get()
        return result.terminationStatus
    }

    @Test("tells who and where it is, as page and as JSON, and ends well on SIGTERM")
    func serves() async throws {
        let status = try await serving { port in
            let json = try await get("http://127.0.0.1:\(port)/status.json")
            #expect(json.isFine)
            #expect(json.body.contains("\"unit\":\"celix@1.service\""))
            #expect(json.body.contains("\"machineID\":\"81c\""))
            let page = try await get("http://127.0.0.1:\(port)/")
            #expect(page.body.contains("<h1>celix@1.service</h1>"))
        }
        #expect(status == .exited(0))
    }

    @Test("a taken port is an error that names unit and port")
    func portTaken() async throws {
        _ = try await serving { port in
            _ = try await get("http://127.0.0.1:\(port)/")
            let second = try await Subprocess.run(
                .path(FilePath(try program)), arguments: arguments("felix", "2", port), output: .discarded,
                error: .string(limit: 100_000))
            #expect(second.terminationStatus == .exited(1))
            let words = "felix@2.service cannot listen on 127.0.0.1:\(port): "
            #expect(second.standardError.contains(words), "\(second.standardError)")
            #expect(second.standardError.contains("Address already in use"))
        }
    }
}
