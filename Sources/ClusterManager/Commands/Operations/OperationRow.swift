// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// A line of `operation list`.
struct OperationRow: TableRow, Equatable {
    static let subjects = "operations"
    let id: String
    let kind: String
    let machine: String?
    let unit: String?
    let state: String
    let by: String
    let asked: Int64
    let ended: Int64?
    let reason: String?

    /// How people call the machine.
    private let place: String

    private enum CodingKeys: String, CodingKey {
        case id, kind, machine, unit, state, by, asked, ended, reason
    }

    init(_ operation: API.Operation, _ names: MachineNames) {
        id = operation.id
        kind = operation.kind
        machine = operation.machine
        unit = operation.unit
        state = operation.state
        by = operation.by
        asked = operation.asked
        ended = operation.ended
        reason = operation.reason
        place = operation.machine.map(names.label) ?? "-"
    }

    /// What it is about.
    private var subject: String {
        guard let unit else { return place }
        return machine == nil ? unit : "\(unit) to \(place)"
    }

    static let defaultFields = ["id", "subject", "state", "by", "asked", "reason"]
    static let columns: [Column<OperationRow>] = [
        Column("id") { row, _ in row.id },
        Column("kind") { row, _ in row.kind },
        Column("subject") { row, _ in row.subject },
        Column(
            "state", style: { $0 == "failed" ? .bad : $0 == "paused" ? .pending : nil }, value: { row, _ in row.state }),
        Column("by") { row, _ in AuditWords.user(row.by) },
        Column("asked") { row, _ in Clock.text(row.asked) },
        Column("ended") { row, _ in Clock.text(row.ended) },
        Column("reason") { row, _ in row.reason ?? "-" },
    ]
}

/// A line of what an operation does, or would do.
struct OperationStepRow: TableRow, Equatable {
    static let subjects = "units that move"
    let unit: String
    let from: String
    let to: String?
    let result: String?
    let reason: String?

    private let places: [String]

    private enum CodingKeys: String, CodingKey {
        case unit, from, to, result, reason
    }

    init(_ step: API.OperationStep, _ names: MachineNames) {
        unit = step.unit
        from = step.from
        to = step.to
        result = step.result
        reason = step.reason
        places = [names.label(step.from), step.to.map(names.label) ?? "-"]
    }

    static let defaultFields = ["unit", "from", "to", "result", "reason"]
    static let planFields = ["unit", "from", "to"]
    static let columns: [Column<OperationStepRow>] = [
        Column("unit") { row, _ in row.unit },
        Column("from") { row, _ in row.places[0] },
        Column("to") { row, _ in row.places[1] },
        Column("result", style: { $0 == "failed" ? .bad : nil }, value: { row, _ in row.result ?? "under way" }),
        Column("reason") { row, _ in row.reason ?? "-" },
    ]
}
