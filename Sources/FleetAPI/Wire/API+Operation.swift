// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What goes over the wire about what takes longer than one request.
extension API {
    /// What is to be done.
    package struct OperationRequest: Codable, Hashable, Sendable {
        package var kind: String
        package var machine: String?
        package var unit: String?
        package var limit: Int?

        package init(kind: String, machine: String? = nil, unit: String? = nil, limit: Int? = nil) {
            self.kind = kind
            self.machine = machine
            self.unit = unit
            self.limit = limit
        }

        package static let kinds = ["drain", "move"]
    }

    /// One unit's way from one machine to another.
    package struct OperationStep: Codable, Hashable, Sendable {
        package var unit: String
        package var from: String
        package var to: String?
        package var result: String?
        package var reason: String?

        package init(unit: String, from: String, to: String? = nil, result: String? = nil, reason: String? = nil) {
            self.unit = unit
            self.from = from
            self.to = to
            self.result = result
            self.reason = reason
        }
    }

    /// An operation, and how far it is.
    package struct Operation: Codable, Hashable, Sendable {
        package var id: String
        package var kind: String
        package var machine: String?
        package var unit: String?
        package var by: String
        package var asked: Int64
        package var state: String
        package var reason: String?
        package var limit: Int
        package var ended: Int64?
        package var steps: [OperationStep]
        /// Units that are still to go, the one on its way among them.
        package var left: [String]

        package init(
            id: String, kind: String, machine: String? = nil, unit: String? = nil, by: String, asked: Int64,
            state: String, reason: String? = nil, limit: Int, ended: Int64? = nil, steps: [OperationStep] = [],
            left: [String] = []
        ) {
            self.id = id
            self.kind = kind
            self.machine = machine
            self.unit = unit
            self.by = by
            self.asked = asked
            self.state = state
            self.reason = reason
            self.limit = limit
            self.ended = ended
            self.steps = steps
            self.left = left
        }

        package static let states = ["running", "paused", "done", "failed", "aborted"]
    }

    package struct OperationList: Codable, Hashable, Sendable {
        package var operations: [Operation]

        package init(operations: [Operation]) { self.operations = operations }
    }

    /// What an operation would do.
    package struct OperationPlan: Codable, Hashable, Sendable {
        package var steps: [OperationStep]
        package var state: String
        package var reason: String?

        package init(steps: [OperationStep], state: String, reason: String? = nil) {
            self.steps = steps
            self.state = state
            self.reason = reason
        }
    }
}
