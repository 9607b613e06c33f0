// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd
import TestSupport
import Testing

/// The real thing; needs root and systemd-nspawn, and fails with words when they are missing.
@Suite("Real systemd", .serialized, .timeLimit(.minutes(3)))
struct RealSystemdTests {
    private static let sleeper = """
        [Service]
        ExecStart=/bin/sleep infinity
        """

    @Test("a unit is started, changed, killed and stopped", arguments: [true, false])
    func life(isDirect: Bool) async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(isDirect ? machine.direct : machine.brokered)
            try machine.write(Self.sleeper, to: "/run/flotilla/units/web.service")
            let links = try await manager.linkUnitFiles(
                ["/run/flotilla/units/web.service"], runtime: true, force: false)
            #expect(
                links == [
                    UnitFileChange(
                        type: "symlink", path: "/run/systemd/system/web.service",
                        target: "/run/flotilla/units/web.service")
                ])
            let changes = await manager.changes()
            #expect(try await manager.watch(["web.service"]).map(\.load) == ["loaded"])
            #expect(try await manager.startUnit("web.service") == .done)
            var seen: [String] = []
            for await change in changes {
                switch change {
                case .unitChanged(let status): seen.append("\(status.active)/\(status.sub)")
                case .jobRemoved(let unit, _, let result): seen.append("\(unit) \(result)")
                case .reloading, .disconnected, .reconnected: seen.append("\(change)")
                }
                if seen.last == "web.service done" { break }
            }
            print(seen)
            let first = try await manager.properties(of: "web.service")
            print(first)
            #expect(try await manager.restartUnit("web.service") == .done)
            #expect(try await manager.stopUnit("web.service") == .done)
        }
    }
}
