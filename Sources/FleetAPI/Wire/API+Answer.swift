// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// The body of every answer that reports a failure.
    package struct ErrorBody: Codable, Hashable, Sendable {
        package struct Details: Codable, Hashable, Sendable {
            /// The status of the answer, once more: fleet's client reads it from here.
            package var code: Int
            /// What failed and why; may be empty.
            package var message: String
            /// With 421: where the request can be done, in the forms of `--endpoint`.
            package var askAt: [String]?
            /// With 409: the operation that has the unit on its way.
            package var operation: String?

            package init(code: Int, message: String, askAt: [String]? = nil, operation: String? = nil) {
                self.code = code
                self.message = message
                self.askAt = askAt
                self.operation = operation
            }
        }

        package var error: Details

        package init(code: Int, message: String, askAt: [String]? = nil, operation: String? = nil) {
            self.error = Details(code: code, message: message, askAt: askAt, operation: operation)
        }
    }

    /// Why a unit is where it is, or on no machine.
    package struct Explanation: Codable, Hashable, Sendable {
        package var name: String
        package var desiredState: String
        package var currentState: String
        /// Where the unit is assigned: at most one machine, unless the unit is global.
        package var machineIDs: [String]
        /// For a unit on no machine: what each rule refused, in words; empty when nothing stands in the way.
        package var reasons: [String]

        package init(
            name: String, desiredState: String, currentState: String, machineIDs: [String], reasons: [String]
        ) {
            self.name = name
            self.desiredState = desiredState
            self.currentState = currentState
            self.machineIDs = machineIDs
            self.reasons = reasons
        }
    }

    /// Whether the server can do its work.
    package struct Health: Codable, Hashable, Sendable {
        /// `ok`, or `unavailable` with a reason.
        package var status: String
        package var version: String
        package var reason: String?

        package init(status: String, version: String, reason: String? = nil) {
            self.status = status
            self.version = version
            self.reason = reason
        }

        package var isOK: Bool { status == "ok" }
    }
}
