// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore

extension APIService {
    // MARK: States

    func listStates(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let wanted = try PageRequest(request)
        let machine = request.queryValues("machineID").first { !$0.isEmpty }
        let unit = request.queryValues("unitName").first { !$0.isEmpty }
        let state = try await cluster { access throws(ClusterAccessError) in try await access.state().state }
        let page = wanted.slice(state.stateEntities(machine: machine, unit: unit))
        return try Self.json(API.UnitStatePage(states: Array(page.entries), nextPageToken: page.next))
    }

    /// The first state that a machine reports of the unit; for a known unit without one an empty object.
    ///
    /// fleet's client crashes on a 404 here, and its server on a unit without state.
    func readState(_ name: String) async throws(ServerFailure) -> ServerReply {
        let state = try await cluster { access throws(ClusterAccessError) in try await access.state().state }
        if let first = state.sortedStates(of: UnitName(unchecked: name)).first {
            return try Self.json(API.UnitState(first))
        }
        guard state.units[UnitName(unchecked: name)] != nil else { throw ServerFailure(404, "unit does not exist") }
        return try Self.json(API.UnitState())
    }

    // MARK: Machines

    func listMachines(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let wanted = try PageRequest(request)
        let state = try await cluster { access throws(ClusterAccessError) in try await access.state().state }
        let page = wanted.slice(state.sortedMachines)
        let machines = page.entries.map { record in
            var machine = API.Machine(record)
            if state.control[record.id]?.isCordoned == true { machine.cordoned = true }
            return machine
        }
        return try Self.json(API.MachinePage(machines: machines, nextPageToken: page.next))
    }

    /// Changes metadata; all changes are checked before the first is made, and as in fleet the content type is not.
    func patchMachines(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let patches: [API.MetadataPatch]
        let body = try await request.body()
        do {
            patches = try FleetJSON.decode([API.MetadataPatch].self, from: body)
        } catch {
            throw ServerFailure(400, "the body is no list of changes in JSON")
        }
        var changes: [MetadataChange] = []
        for patch in patches { changes.append(try Self.change(patch)) }
        var reply = ServerReply(status: 204, headers: [(name: "Content-Type", value: "application/json")])
        if !changes.isEmpty {
            let machines = try await cluster { access throws(ClusterAccessError) in
                try await access.state().state.machines
            }
            for machine in Set(changes.map(\.machine)).sorted() {
                let size = Self.size(of: machines[machine]?.metadata ?? [:], after: changes, of: machine)
                guard size <= MetadataPair.totalLimit else {
                    throw ServerFailure(
                        400,
                        "machine \(machine) would have \(size) bytes of metadata, and may have \(MetadataPair.totalLimit)"
                    )
                }
            }
            reply.former = Self.words(changes) { machines[$0.machine]?.metadata[$0.key] }
            reply.note = Self.words(changes, \.value)
            let revision = try await cluster { [changes] access throws(ClusterAccessError) in
                try await access.patchMetadata(changes)
            }
            reply.headers.append((name: "Flotilla-Revision", value: String(revision)))
        }
        return reply
    }

    private static func size(
        of metadata: [String: String], after changes: [MetadataChange], of machine: MachineID
    ) -> Int {
        var metadata = metadata
        for change in changes where change.machine == machine { metadata[change.key] = change.value }
        return metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    }

    /// What the audit says of metadata: `MACHINE role=db zone-`, a key without a value as it is taken away.
    private static func words(_ changes: [MetadataChange], _ value: (MetadataChange) -> String?) -> String {
        var words: [String] = []
        var last: MachineID?
        for change in changes {
            if change.machine != last { words.append(change.machine.rawValue) }
            last = change.machine
            words.append(value(change).map { "\(change.key)=\($0)" } ?? "\(change.key)-")
        }
        return words.joined(separator: " ")
    }

    private static func change(_ patch: API.MetadataPatch) throws(ServerFailure) -> MetadataChange {
        let parts = patch.path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[2] == "metadata", isKey(parts[3], for: patch.op) else {
            throw ServerFailure(
                400, "'\(patch.path)' is no path to metadata; use /MACHINE-ID/metadata/KEY with letters, digits and _.-"
            )
        }
        guard let machine = MachineID(String(parts[1])) else {
            throw ServerFailure(400, "'\(parts[1])' is no machine id: it must have 32 hexadecimal digits in lower case")
        }
        switch patch.op {
        case "add", "replace":
            guard !patch.value.isEmpty else { throw ServerFailure(400, "\(patch.op) \(patch.path) needs a value") }
            let isShort = patch.value.utf8.count <= MetadataPair.valueLimit
            guard isShort, patch.value.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
                throw ServerFailure(
                    400,
                    "the value for \(parts[3]) must have at most \(MetadataPair.valueLimit) bytes and no control characters"
                )
            }
            return MetadataChange(machine: machine, key: String(parts[3]), value: patch.value)
        case "remove":
            return MetadataChange(machine: machine, key: String(parts[3]), value: nil)
        default:
            throw ServerFailure(400, "'\(patch.op)' is no operation; use add, remove or replace")
        }
    }

    /// Version 0.1 took `.` and `..` as keys, which can still be taken away.
    private static func isKey(_ text: Substring, for operation: String) -> Bool {
        MetadataPair.isKey(text) || operation == "remove" && [".", ".."].contains(text)
    }
}
