// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What an operation does at one time: `operations/<id>/waves/<number>`, written when it begins and when it ends.
package struct OperationWave: Hashable, Sendable {
    package var operation: OperationID
    /// From 1 on.
    package var number: Int
    package var steps: [OperationStep]
    /// When it was last written.
    package var written = Stamp()

    package init(_ operation: OperationID, _ number: Int, _ steps: [OperationStep]) {
        self.operation = operation
        self.number = number
        self.steps = steps
    }

    /// The step that is under way; `nil` when all have ended.
    package var open: OperationStep? { steps.first { $0.result == nil } }

    /// The wave with its open step ended.
    package func closed(_ result: OperationStep.Result, _ reason: String, on machine: MachineID? = nil) -> OperationWave
    {
        var wave = self
        guard let index = steps.firstIndex(where: { $0.result == nil }) else { return wave }
        wave.steps[index].result = result
        wave.steps[index].reason = reason
        if let machine { wave.steps[index].to = machine }
        return wave
    }
}

/// One unit's way from one machine to another.
package struct OperationStep: Hashable, Sendable {
    /// What came of it.
    package enum Result: String, Hashable, Sendable, CaseIterable {
        /// The unit has come to rest where it went.
        case done
        /// The unit is not as it was wanted; the reason says why and where.
        case failed
        /// Somebody stopped or destroyed the unit: that counts as ended.
        case taken
        /// The operation was stopped before the unit left.
        case skipped
    }

    package var unit: UnitName
    package var from: MachineID
    /// Where it goes, or went; `nil` while that is open.
    package var to: MachineID?
    /// `nil` while it is under way.
    package var result: Result?
    /// Why, in words; empty when all went as planned.
    package var reason: String

    package init(
        _ unit: UnitName, from: MachineID, to: MachineID? = nil, result: Result? = nil, reason: String = ""
    ) {
        self.unit = unit
        self.from = from
        self.to = to
        self.result = result
        self.reason = reason
    }
}
