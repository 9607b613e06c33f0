// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("what is known of a cluster")
struct ClusterStateTests {
    @Test("what a destroyed unit has left is not what has become of its successor", arguments: [true, false])
    func predecessor(isOlder: Bool) throws {
        let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n")
        let (machine, name) = (Short.machine("A"), Short.unit("web"))
        var unit = UnitRecord(name: name, hash: file.hash, target: .launched)
        unit.created = Stamp(7)
        var assignment = Assignment(of: unit, on: machine)
        assignment.written = Stamp(isOlder ? 6 : 8)
        let report = UnitState(machine: machine, unit: name, active: "active", hash: file.hash, acted: .launched)
        let state = ClusterState([
            .machinePut(MachineRecord(id: machine, name: "a", address: "")), .filePut(file.hash, file),
            .unitPut(unit), .assignmentPut(assignment), .statePut(report),
        ])
        #expect(state.current(of: name).machine == (isOlder ? nil : machine))
        #expect(state.current(of: name).state == (isOlder ? .inactive : .launched))
        #expect(state.livingAssignments(of: name).isEmpty == isOlder)
    }
}
