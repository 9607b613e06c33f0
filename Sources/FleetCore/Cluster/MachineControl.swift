// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What an operator wants of a machine: one entry under `control/`, which outlives the machine's sessions.
package struct MachineControl: Hashable, Sendable {
    /// It keeps its units and takes no new ones.
    package var isCordoned: Bool
    /// It hands its units over one by one, and takes no new ones.
    package var isDraining: Bool
    /// In milliseconds since 1970; 0 when unknown.
    package var since: Int64
    /// Who wanted it, for people; empty when unknown.
    package var by: String
    /// The operation that hands its units over; `nil` where it is drained by the call for a machine alone.
    package var operation: OperationID?
    /// When the operator first wanted something of the machine, since it was last opened.
    package var created = Stamp()

    package init(isCordoned: Bool, isDraining: Bool, since: Int64 = 0, by: String = "", operation: OperationID? = nil) {
        self.isCordoned = isCordoned
        self.isDraining = isDraining
        self.since = since
        self.by = by
        self.operation = operation
    }

    /// Whether new units must go elsewhere.
    package var isClosed: Bool { isCordoned || isDraining }

    /// Whether the machine was closed before `assignment` was written, so that its unit may have come from there.
    func precedes(_ assignment: Assignment) -> Bool { assignment.written.revision > created.revision }
}
