// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient

/// What an operation would do, as `--dry-run` shows it.
enum OperationPlan {
    /// Shows it; a plan that would stand paused or fail ends as that operation would.
    ///
    /// - Throws: `ClusterManagerError`: `partial` for one that would be paused, `refused` for one that would fail.
    static func show(_ request: API.OperationRequest, in context: CommandContext) async throws {
        let client = try context.client()
        let plan = try await asked { () async throws(APIError) in try await client.plan(request) }
        if context.format == .json {
            context.console.output.write(try JSONOutput.text(plan))
        } else {
            let names = await MachineNames(context)
            try context.render(
                plan.steps.map { OperationStepRow($0, names) },
                columns: try OperationStepRow.columns(for: OperationStepRow.planFields), layout: TableLayout())
        }
        let reason = plan.reason ?? "nobody says why"
        switch plan.state {
        case "done": if let reason = plan.reason, context.format == .table { context.console.errors.line(reason) }
        case "failed", "aborted": throw ClusterManagerError(.refused, "it would fail: \(reason)")
        case "paused": throw ClusterManagerError(.partial, "it would pause then: \(reason)")
        default: throw ClusterManagerError(.partial, "it would not begin now: \(reason)")
        }
    }
}
