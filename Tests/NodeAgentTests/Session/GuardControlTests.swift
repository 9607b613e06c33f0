// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd
import Testing

@testable import Agent
@testable import NodeAgent

@Suite("guard beside the agent")
struct GuardControlTests {
    @Test("a starting agent learns whether a guard ran: if none did, what was bound to one is dead")
    func prepare() async throws {
        let base = try TemporaryFolder()
        try HostFiles.makeFolder(base.path + "/system")
        let units = FakeUnits(searchFolder: base.path + "/system")
        func control(isEnabled: Bool = true) -> GuardControl {
            GuardControl(
                units: units, searchFolder: base.path + "/system", runtimeDirectory: base.path,
                executable: "/bin/true", isEnabled: isEnabled, logger: .silent)
        }
        #expect(try await !control().prepare(), "the first start of this boot")
        #expect(await units.isActive(GuardUnit.defaultName))
        #expect(try await control().prepare(), "the next run finds the guard of the former one")
        await units.crash(GuardUnit.defaultName)
        #expect(try await !control().prepare())
        #expect(await units.isActive(GuardUnit.defaultName), "units that are started from now on have a guard again")
        #expect(try await control(isEnabled: false).prepare(), "where there is no guard nothing was bound to one")
    }
}
