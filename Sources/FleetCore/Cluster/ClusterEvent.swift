// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One change of the cluster's state in the store, in the order in which the store committed it.
package enum ClusterEvent: Hashable, Sendable {
    case machinePut(MachineRecord)
    case machineGone(MachineID)
    /// What an operator laid over a machine's metadata; `nil` hides a key that the machine itself brings along.
    case metadataPut(MachineID, [String: String?])
    case metadataGone(MachineID)
    case filePut(ContentHash, UnitFile)
    case fileGone(ContentHash)
    case unitPut(UnitRecord)
    case unitGone(UnitName)
    case assignmentPut(Assignment)
    case assignmentGone(MachineID, UnitName)
    case statePut(UnitState)
    case stateGone(MachineID, UnitName)
    case leaderPut(Leadership)
    case leaderGone
    /// What an operator wants of a machine.
    case controlPut(MachineID, MachineControl)
    case controlGone(MachineID)
    /// The leader has seen the machine alive, and has not dealt with its loss since.
    case seenPut(MachineID)
    case seenGone(MachineID)
    case brakePut(Brake)
    case brakeGone
}
