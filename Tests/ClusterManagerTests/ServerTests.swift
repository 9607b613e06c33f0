// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FoundationEssentials
import Testing

@Suite("against a server on a unix socket")
struct ServerTests {
    @Test("start, status and stop over HTTP, then exit status 3 when the server is gone")
    func session() async throws {
        try await Fixtures.withFolder { folder in
            try await RunningCluster(machines: 5).serving(in: folder) { socket, running in
                func say(_ arguments: String) async -> Session {
                    let captured = CapturedConsole()
                    let program = Program(
                        console: captured.console, environment: ["FLOTILLA_ENDPOINT": "unix:\(socket)"])
                    let status = await program.run(arguments.split(separator: " ").map(String.init))
                    return Session(status: status, output: captured.output, errors: captured.errors)
                }
                let start = await say("--start --wait --unitFilesPath=\(folder)")
                #expect(start.status == .success, "\(start.errors)")
                #expect(start.output.contains("Unit celix@2.service launched on "))
                let status = await say("--status")
                #expect(status.output.contains("provisioning.service  10000000.../172.17.8.101  active  running\n"))
                #expect(await say("stop celix@1 celix@2").status == .success)
                let stop = await say("--stop")
                #expect(stop.status == .success, "\(stop.errors)")
                #expect(await say("list-unit-files --no-legend").output.isEmpty)

                running.cancel()
                _ = await running.result
                let gone = await say("list-units")
                #expect(gone.status == .unreachable)
                #expect(gone.errors.contains("nobody answers at unix:\(socket)"))
            }
        }
    }
}
