// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// Operations: a head each, and its waves.
    ///
    /// They are about machines and moments of their cluster, so no backup has them.
    package static let operations = RecordKind<OperationKey, OperationEntry>(
        "operations/<id>, operations/<id>/waves/<n>", lease: .none, agents: [], backup: .left,
        events: RecordEvents(
            put: { (key, value, entry) in
                switch value {
                case .head(var head):
                    head.modified = Stamp(entry.modRevision)
                    return .operationPut(head)
                case .wave(var wave):
                    wave.written = Stamp(entry.modRevision)
                    return .wavePut(wave)
                }
            },
            gone: { key in
                guard let number = key.wave else { return .operationGone(key.operation) }
                return .waveGone(key.operation, number)
            })
    ) { (key, bytes) throws(RecordError) in
        guard bytes.count <= OperationEntry.sizeLimit else {
            throw RecordError(
                "the value has \(bytes.count) bytes, and an operation's has at most \(OperationEntry.sizeLimit)")
        }
        let object = try JSONObject(bytes: bytes)
        guard let number = key.wave else { return .head(try StoredOperation(object).record(key.operation)) }
        return .wave(OperationWave(key.operation, number, try StoredWave(object).steps))
    }
}

extension RegistryKeys {
    package var operations: KeySelector { all(Records.operations) }
    package func operation(_ id: OperationID) -> String { key(Records.operations, OperationKey(id)) }
    package func wave(_ id: OperationID, _ number: Int) -> String { key(Records.operations, OperationKey(id, number)) }
    /// The keys of an operation's waves, and of nothing else.
    func waves(_ id: OperationID) -> KeySelector { .prefix(operation(id) + "/waves/") }
}

/// Where a record of an operation stands: its head, or a wave.
package struct OperationKey: RecordName, Hashable {
    package let operation: OperationID
    /// `nil` for the head.
    package let wave: Int?

    package init(_ operation: OperationID, _ wave: Int? = nil) {
        self.operation = operation
        self.wave = wave
    }

    package init?(tail: Substring) {
        let parts = tail.split(separator: "/", omittingEmptySubsequences: false)
        guard let id = parts.first.flatMap({ OperationID(String($0)) }) else { return nil }
        if parts.count == 1 {
            self.init(id)
            return
        }
        guard parts.count == 3, parts[1] == "waves", let number = Int(parts[2]), String(number) == parts[2],
            (1...OperationRecord.mostWaves).contains(number)
        else { return nil }
        self.init(id, number)
    }

    package var tail: String { wave.map { "\(operation)/waves/\($0)" } ?? "\(operation)" }
}

/// What stands under `operations/`.
package enum OperationEntry: Hashable, Sendable {
    case head(OperationRecord)
    case wave(OperationWave)

    /// The most bytes of a value.
    ///
    /// - Source: DESIGN section 6.
    static let sizeLimit = 16 << 10
}

/// The value of `operations/<id>`; its key says which it is.
package struct StoredOperation: StoredRecord {
    private var kind: OperationRecord.Kind
    private var head: OperationRecord

    /// Words of people and reasons are cut to so many characters: a head has 16 KiB.
    private static let longestWords = 2000

    /// A name that is only to be replaced by the key's.
    private static let unnamed = OperationID("unnamed")

    package init(_ record: OperationRecord) {
        head = record
        kind = record.kind
    }

    package init(_ object: JSONObject) throws(RecordError) {
        let word = try object.text("kind") ?? ""
        guard !word.isEmpty, let unnamed = Self.unnamed else { throw RecordError("field kind is missing") }
        func machine(_ name: String) throws(RecordError) -> MachineID? {
            guard let text = try object.text(name) else { return nil }
            guard let id = MachineID(text) else { throw RecordError("field \(name) is no machine id") }
            return id
        }
        switch word {
        case "drain":
            guard let id = try machine("machine") else { throw RecordError("field machine is missing") }
            kind = .drain(id)
        case "move":
            let unit = try object.required("unit", "a unit's name") { try? UnitName(recorded: $0) }
            kind = .move(unit, to: try machine("machine"))
        default: kind = .other(word)
        }
        func number(_ name: String, _ range: ClosedRange<Int64>, else missing: Int64) throws(RecordError) -> Int64 {
            guard let number = try object.integer(name, as: Int64.self) else { return missing }
            guard range.contains(number) else {
                throw RecordError(
                    "field \(name) is \(number), which is not from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        let times = 0...Int64.max
        let limits = 1...Int64(OperationRecord.longestLimit)
        head = OperationRecord(
            id: unnamed, kind: kind, by: try object.text("by") ?? "", asked: try number("asked", times, else: 0),
            state: try object.required("state", "running, paused, done, failed or aborted") {
                OperationRecord.State(rawValue: $0)
            }, reason: try object.text("reason") ?? "",
            limit: Int(try number("limit", limits, else: Int64(OperationRecord.standardLimit))),
            wave: Int(try number("wave", 0...Int64(OperationRecord.mostWaves), else: 0)),
            renewals: Int(try number("renewals", 0...1000, else: 0)), ended: try number("ended", times, else: 0))
    }

    package func record(_ id: OperationID) -> OperationRecord {
        var record = head
        record.id = id
        return record
    }

    package func write(to object: inout JSONObject) {
        object["kind"] = .string(kind.word)
        switch kind {
        case .drain(let machine): object["machine"] = .string(machine.rawValue)
        case .move(let unit, let machine):
            object["unit"] = .string(unit.rawValue)
            object["machine"] = machine.map { .string($0.rawValue) }
        case .other: break
        }
        object["by"] = head.by.isEmpty ? nil : .string(String(head.by.prefix(Self.longestWords)))
        object["asked"] = .number(head.asked)
        object["state"] = .string(head.state.rawValue)
        object["reason"] = head.reason.isEmpty ? nil : .string(String(head.reason.prefix(Self.longestWords)))
        object["limit"] = .number(head.limit)
        object["wave"] = .number(head.wave)
        object["renewals"] = head.renewals == 0 ? nil : .number(head.renewals)
        object["ended"] = head.ended == 0 ? nil : .number(head.ended)
    }
}

/// The value of `operations/<id>/waves/<n>`.
package struct StoredWave: StoredRecord {
    package var steps: [OperationStep]

    private static let longestWords = 2000

    package init(_ steps: [OperationStep]) { self.steps = steps }

    package init(_ object: JSONObject) throws(RecordError) {
        guard case .array(let values)? = object["steps"], !values.isEmpty else {
            throw RecordError("field steps is not a list with a step")
        }
        steps = []
        for value in values {
            guard case .object(let step) = value else {
                throw RecordError("field steps holds something that is no step")
            }
            let machine: (String) -> MachineID? = { MachineID($0) }
            let to = try step.text("to")
            guard to == nil || to.flatMap(machine) != nil else { throw RecordError("field to is no machine id") }
            let result = try step.text("result")
            guard result == nil || result.flatMap({ OperationStep.Result(rawValue: $0) }) != nil else {
                throw RecordError("field result is not done, failed, taken or skipped")
            }
            steps.append(
                OperationStep(
                    try step.required("unit", "a unit's name") { try? UnitName(recorded: $0) },
                    from: try step.required("from", "a machine id", machine), to: to.flatMap(machine),
                    result: result.flatMap { OperationStep.Result(rawValue: $0) }, reason: try step.text("reason") ?? ""
                ))
        }
    }

    package func write(to object: inout JSONObject) {
        object["steps"] = .array(
            steps.map { step in
                var fields = JSONObject()
                fields["unit"] = .string(step.unit.rawValue)
                fields["from"] = .string(step.from.rawValue)
                fields["to"] = step.to.map { .string($0.rawValue) }
                fields["result"] = step.result.map { .string($0.rawValue) }
                fields["reason"] = step.reason.isEmpty ? nil : .string(String(step.reason.prefix(Self.longestWords)))
                return .object(fields)
            })
    }
}
