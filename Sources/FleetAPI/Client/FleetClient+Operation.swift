// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

/// What takes longer than one request.
extension FleetClient {
    /// The operations that go on; with `all` those that have ended, too.
    package func operations(all: Bool) async throws(APIError) -> [API.Operation] {
        let list: API.OperationList = try await ask(
            .listOperations, query: all ? [("all", "true")] : [], action: "list the operations")
        return list.operations
    }

    package func operation(_ id: String) async throws(APIError) -> API.Operation {
        try await ask(.readOperation, [id], action: "look at operation \(id)")
    }

    /// Begins an operation; sent twice it is one.
    package func begin(_ id: String, _ request: API.OperationRequest) async throws(APIError) -> API.Operation {
        try await ask(.beginOperation, [id], giving: request, action: "begin operation \(id)")
    }

    /// `order` is `pause`, `resume` or `abort`.
    package func order(_ id: String, _ order: String) async throws(APIError) -> API.Operation {
        try await ask(.orderOperation(order), [id], action: "\(order) operation \(id)")
    }

    /// What an operation would do.
    package func plan(_ request: API.OperationRequest) async throws(APIError) -> API.OperationPlan {
        try await ask(.planOperation, giving: request, action: "plan it")
    }
}
