// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension CommandContext {
    /// Says beside a list which of its machines an operator keeps new units off, and what machines say is wrong with them: a clock
    /// that is off, an address that went.
    func warnOfTrouble(_ machines: [FleetMachine]) {
        for machine in machines.sorted(by: { $0.id < $1.id }) where !machine.trouble.isEmpty {
            warn("machine \(FleetView.short(machine.id)): \(machine.trouble)")
        }
        let cordoned = machines.filter(\.isCordoned).map { String($0.id.prefix(8)) }.sorted()
        guard !cordoned.isEmpty else { return }
        warn(
            "\(cordoned.few(5)) take\(cordoned.count == 1 ? "s" : "") no new units until 'cluster-manager uncordon'")
    }
}
