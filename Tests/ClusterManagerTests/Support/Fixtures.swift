// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import FoundationEssentials

/// The demonstrator's unit files in small: the conflicts are those of the real ones.
enum Fixtures {
    static let provisioningText = """
        [Unit]
        Description=Provisioning
        [Service]
        ExecStart=/bin/sleep infinity
        [X-Fleet]
        Conflicts=felix@*.service

        """
    static let felixText = """
        [Unit]
        Description=Felix
        [Service]
        ExecStart=/bin/sleep infinity
        [X-Fleet]
        X-Conflicts=felix@*.service
        X-Conflicts=provisioning.service

        """
    static let celixText = """
        # The C agents.
        [Unit]
        Description=Celix
        [Service]
        ExecStart=/bin/sleep infinity
        [X-Fleet]
        X-Conflicts=celix@*.service

        """
    static let plainText = "[Unit]\nDescription=Plain\n[Service]\nExecStart=/bin/sleep infinity\n"
    static let otherText = "[Unit]\nDescription=Other\n[Service]\nExecStart=/bin/sleep 1\n"
    static let globalText = "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nGlobal=true\n"

    static func files() throws -> DemonstrationFiles {
        try DemonstrationFiles(
            provisioning: source(provisioningText, "provisioning.service"), felix: source(felixText, "felix@.service"),
            celix: source(celixText, "celix@.service"))
    }

    static func source(_ text: String, _ name: String) throws -> UnitSource {
        try UnitSource(text: text, name: UnitName(unchecked: name))
    }

    static func unit(
        _ name: String, _ desired: TargetState = .launched, current: TargetState? = nil, machine: String? = nil,
        reason: String? = nil, text: String? = nil
    ) throws -> FleetUnit {
        let usual =
            name.hasPrefix("celix@")
            ? celixText
            : name.hasPrefix("felix@")
                ? felixText
                : name.hasPrefix("provisioning") ? provisioningText : plainText
        return FleetUnit(
            name: UnitName(unchecked: name), file: try UnitFile(parsing: text ?? usual), desired: desired,
            current: current ?? (machine == nil ? .inactive : desired), machine: machine, reason: reason)
    }

    static func state(
        _ unit: FleetUnit, on machine: String, _ active: String = "active", _ sub: String = "running",
        load: String = "loaded", since: Int64 = 1000
    ) -> FleetUnitState {
        FleetUnitState(
            name: unit.name, machine: machine, hash: unit.hash, load: load, active: active, sub: sub, since: since)
    }

    /// Machine ids such as on the INAETICS guide's page, filled up to their length.
    static func id(_ start: String) -> String { start + String(repeating: "0", count: 32 - start.count) }

    static func machines(_ count: Int) -> [FleetMachine] {
        (0..<count).map { FleetMachine(id: id("\(10 + $0)"), address: "172.17.8.\(101 + $0)") }
    }

    /// A folder with the demonstrator's three files, gone when the closure returns.
    static func withFolder<Answer>(
        _ files: [String: String] = [
            "provisioning.service": provisioningText, "felix@.service": felixText, "celix@.service": celixText,
        ], _ body: (String) async throws -> Answer
    ) async throws -> Answer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cluster-manager-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        return try await body(folder.path)
    }
}
