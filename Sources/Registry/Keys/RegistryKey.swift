// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What one key of a cluster stands for.
package enum RegistryKey: Hashable, Sendable {
    case file(ContentHash)
    case unit(UnitName)
    case assignment(MachineID, UnitName)
    case machine(MachineID)
    /// What operators laid over the machine's metadata.
    case metadata(MachineID)
    case state(MachineID, UnitName)
    case leader
    /// What an operator wants of the machine.
    case control(MachineID)
    /// The machine lives or vanished just now, as far as leaders know.
    case seen(MachineID)
    case brake
    /// A kind that other parts keep below the same prefix, such as `stacks`; the followed state passes it over.
    case other(kind: String, rest: String)
}
