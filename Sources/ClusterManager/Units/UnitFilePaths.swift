// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials

/// Paths of unit files, as `apply` and `verify` take them.
enum UnitFilePaths {
    /// Puts the unit files of a folder in its place, by name; a folder's other files are passed over.
    ///
    /// - Throws: `ClusterManagerError.unitFile` for what is neither file nor folder, and for a folder without unit files; `usage` for
    ///   the empty word.
    static func expand(_ paths: [String]) throws -> [String] {
        var files: [String] = []
        for path in paths {
            guard !path.isEmpty else {
                throw ClusterManagerError(.usage, "the empty word names no file or folder")
            }
            var isFolder = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw ClusterManagerError(.unitFile, "there is no file or folder \(path)")
            }
            guard isFolder else {
                files.append(path)
                continue
            }
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
                throw ClusterManagerError(.unitFile, "folder \(path) may not be read; check its permissions")
            }
            let units = names.sorted().filter { (try? UnitName(recorded: $0)) != nil }
            guard !units.isEmpty else {
                throw ClusterManagerError(.unitFile, "folder \(path) has no unit files, such as web.service")
            }
            files += units.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
        }
        return files
    }

    /// The unit whose file this is.
    ///
    /// - Throws: `ClusterManagerError.usage` for a file whose name is no unit's.
    static func name(of path: String) throws -> UnitName {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        do {
            return try UnitName(recorded: last)
        } catch {
            throw ClusterManagerError(.usage, error.message)
        }
    }
}
