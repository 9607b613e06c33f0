// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials

/// Finds the folder with the demonstrator's unit files and reads it.
package enum DemonstrationFolder {
    /// Where the INAETICS machines have the files, then where our own package puts them.
    private static let places = ["/opt/inaetics/fleet/units", "/opt/flotilla/units"]

    /// The folder to read: the one asked for, else the first of the usual places that exists, else `FLOTILLA_UNITS`,
    /// which the scripts of a source tree set.
    ///
    /// - Throws: `ClusterManagerError.unitFile` when there is none, naming the places.
    package static func path(_ wanted: String?, environment: [String: String]) throws -> String {
        if let wanted { return wanted }
        if let place = places.first(where: isFolder) { return place }
        if let place = environment["FLOTILLA_UNITS"], !place.isEmpty { return place }
        throw ClusterManagerError(
            .unitFile,
            "no folder with unit files: neither \(places.joined(separator: " nor ")) exists;"
                + " name one with --unitFilesPath=DIR")
    }

    /// Reads and checks all three files, so that nothing is sent when one of them is unusable.
    ///
    /// - Throws: `ClusterManagerError.unitFile`.
    package static func read(_ path: String) throws -> DemonstrationFiles {
        guard isFolder(path) else {
            throw ClusterManagerError(
                .unitFile, "no folder with unit files at \(path); name another one with --unitFilesPath=DIR")
        }
        func source(_ name: UnitName) throws -> UnitSource {
            try UnitSource(readingFileAt: "\(path)/\(name)", name: name)
        }
        return try DemonstrationFiles(
            provisioning: source(DemonstrationPlan.provisioning), felix: source(AgentKind.felix.template),
            celix: source(AgentKind.celix.template))
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }
}
