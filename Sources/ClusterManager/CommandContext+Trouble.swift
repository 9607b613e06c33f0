// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension CommandContext {
    /// Says beside a list what its machines say is wrong with them: a clock that is off, an address that went.
    func warnOfTrouble(_ machines: [FleetMachine]) {
        for machine in machines.sorted(by: { $0.id < $1.id }) where !machine.trouble.isEmpty {
            warn("machine \(FleetView.short(machine.id)): \(machine.trouble)")
        }
    }
}
