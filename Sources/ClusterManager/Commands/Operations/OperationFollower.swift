// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore

/// Begins operations in the cluster, and follows them to their ends.
///
/// The operation is the cluster's: whoever follows it may leave at any time.
struct OperationFollower {
    let context: CommandContext
    let client: FleetClient
    /// How long nobody may answer before this gives up.
    let patience: Duration

    /// How often it looks.
    private static let pause: Duration = .milliseconds(300)
    /// How long a question is asked again that has to be answered before anything else.
    private static let firstPatience: Duration = .seconds(2)

    init(in context: CommandContext, patience: Duration = .seconds(600)) throws {
        self.context = context
        client = try context.client()
        self.patience = patience
    }

    /// A name that nobody else has.
    static func name(_ kind: String) -> String {
        let digits = String(UInt32.random(in: 0...UInt32.max), radix: 16)
        return "\(kind)-" + String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// How to watch and to end an operation, for who leaves it.
    static func remedy(_ id: String) -> String {
        "cluster-manager operation watch \(id) follows it, operation pause \(id) or abort \(id) stops it"
    }

    /// Begins an operation; given twice, as when an answer was lost, it is one.
    func begin(_ request: API.OperationRequest) async throws -> API.Operation {
        let id = Self.name(request.kind)
        Interrupt.says(
            "whether operation \(id) has begun is not known; cluster-manager operation show \(id) tells",
            on: context.console.errors)
        let operation = try await Persistence.ask(until: .now + Self.firstPatience) { () async throws(APIError) in
            try await client.begin(id, request)
        }
        Interrupt.says(nil, on: context.console.errors)
        return operation
    }

    /// Drains a machine; one that is being drained already is drained by that operation, which goes on if it was paused.
    func drain(_ machine: String, limit: Int) async throws -> API.Operation {
        do {
            return try await begin(API.OperationRequest(kind: "drain", machine: machine, limit: limit))
        } catch let error as ClusterManagerError where error.code == .refused {
            let living = try await asked { () async throws(APIError) in try await client.operations(all: false) }
            guard let other = living.first(where: { $0.kind == "drain" && $0.machine == machine }) else { throw error }
            guard other.state == "paused" else { return other }
            return try await asked { () async throws(APIError) in try await client.order(other.id, "resume") }
        }
    }

    /// Follows an operation to its end.
    ///
    /// - Parameters:
    ///   - id: Which one.
    ///   - isKnown: Whether somebody has answered already.
    ///   - words: What is said to who leaves it.
    /// - Returns: It, done.
    /// - Throws: `ClusterManagerError`: `partial` when it is paused, `refused` when it ended otherwise than done.
    @discardableResult
    func follow(_ id: String, isKnown: Bool = true, leaving words: String? = nil) async throws -> API.Operation {
        Interrupt.says("\(words ?? "operation \(id) goes on"); \(Self.remedy(id))", on: context.console.errors)
        defer { Interrupt.says(nil, on: context.console.errors) }
        var line = WaitLine(context.console.errors)
        defer { line.clear() }
        var told = 0
        // Who has not answered once need not be waited for as long as somebody who was there.
        var patience = isKnown ? self.patience : Self.firstPatience
        while true {
            let operation = try await Persistence.ask(until: .now + patience) { () async throws(APIError) in
                try await client.operation(id)
            }
            patience = self.patience
            let ended = operation.steps.filter { $0.result != nil }
            if ended.count > told, context.format == .table {
                line.clear()
                let names = await MachineNames(context)
                for step in ended.dropFirst(told) { context.console.errors.line(names.words(of: step)) }
                told = ended.count
            }
            switch operation.state {
            case "running": break
            case "done": return operation
            case "paused": throw Self.paused(operation)
            default: throw ClusterManagerError(.refused, "operation \(id) \(Self.words(of: operation))")
            }
            line.show(Self.progress(of: operation))
            try await Task.sleep(for: Self.pause)
        }
    }

    /// What to do about an operation that stands still.
    static func paused(_ operation: API.Operation) -> ClusterManagerError {
        ClusterManagerError(
            .partial,
            "operation \(operation.id) is paused: \(operation.reason ?? "nobody says why"); cluster-manager operation resume "
                + "\(operation.id) lets it go on, operation abort \(operation.id) ends it")
    }

    /// `was aborted: why`.
    static func words(of operation: API.Operation) -> String {
        let verb =
            operation.state == "aborted" ? "was aborted" : operation.state == "failed" ? "has failed" : operation.state
        return verb + (operation.reason.map { ": \($0)" } ?? "")
    }

    private static func progress(of operation: API.Operation) -> String {
        let moving = operation.steps.last { $0.result == nil }
        let left = operation.left.count
        let rest = left == 0 ? "" : "; \(left) \(left == 1 ? "unit is" : "units are") left"
        return "\(operation.id): \(moving.map { "\($0.unit) is on its way" } ?? "begins")\(rest)"
    }
}

/// How people call machines: by name and the beginning of the id.
struct MachineNames {
    private let labels: [String: String]

    /// Asks for them; those that cannot be asked for are called by their ids.
    init(_ context: CommandContext) async {
        let machines = (try? await context.fleet.machines()) ?? []
        labels = Dictionary(machines.map { ($0.id, $0.label) }) { first, _ in first }
    }

    func label(_ id: String) -> String { labels[id] ?? FleetView.short(id) }

    /// `web.service is on worker-3 (682bc92e)`.
    func words(of step: API.OperationStep) -> String {
        switch step.result {
        case "done": "\(step.unit) is on \(step.to.map(label) ?? "another machine")"
        case "taken": "\(step.unit) was left alone: \(step.reason ?? "somebody stopped it")"
        case "skipped": "\(step.unit) stays on \(label(step.from)): \(step.reason ?? "the operation was stopped")"
        default: "\(step.unit) \(step.reason ?? "has failed")"
        }
    }
}
