// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import FoundationEssentials

/// A unit file that has been read and checked, ready to be sent.
package struct UnitSource: Hashable, Sendable {
    package let file: UnitFile

    /// The text as its author wrote it.
    package var text: String { file.text }

    /// Hash of the text, as the cluster reports it: 40 hexadecimal digits.
    package var hash: String { file.hash.rawValue }

    /// Takes text from anywhere.
    ///
    /// - Throws: `ClusterManagerError.unitFile` for text that is no unit file, and for what `UnitSubmission` has against it.
    package init(text: String, name: UnitName) throws { try self.init(text: text, name: name, place: name.rawValue) }

    /// Reads a file.
    ///
    /// - Throws: `ClusterManagerError.unitFile` for a file that cannot be read, is no regular file, is larger than
    ///   `UnitFile.sizeLimit`, is not UTF-8, or as `init(text:name:)`.
    package init(readingFileAt path: String, name: UnitName) throws {
        try self.init(text: try Self.text(ofFileAt: path), name: name, place: path)
    }

    /// The text of a file that may be a unit's.
    ///
    /// - Throws: `ClusterManagerError.unitFile` for a file that cannot be read, is no regular file, is larger than
    ///   `UnitFile.sizeLimit`, or is not UTF-8.
    package static func text(ofFileAt path: String) throws -> String {
        func fail(_ why: String) -> ClusterManagerError {
            ClusterManagerError(.unitFile, "cannot use unit file \(path): \(why)")
        }
        // Followed to its end, so that a link to a device is refused rather than read without end.
        let resolved = URL(filePath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: resolved) else {
            throw fail("there is no such file, or its folder may not be read")
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular else { throw fail("it is not a regular file") }
        let size = attributes[.size] as? UInt64 ?? 0
        guard size <= UInt64(UnitFile.sizeLimit) else {
            throw fail("it has \(size) bytes, and a unit file may have at most \(UnitFile.sizeLimit)")
        }
        guard let data = FileManager.default.contents(atPath: resolved) else {
            throw fail("it may not be read; check its permissions")
        }
        // Foundation's own decoder would drop a byte order mark.
        guard let text = String(validating: data, as: UTF8.self) else { throw fail("it is not text in UTF-8") }
        return text
    }

    private init(text: String, name: UnitName, place: String) throws {
        func fail(_ why: String) -> ClusterManagerError {
            ClusterManagerError(.unitFile, "cannot use unit file \(place): \(why)")
        }
        do {
            file = try UnitFile(parsing: text)
        } catch {
            throw fail(error.message)
        }
        if let why = UnitSubmission.refusal(of: file, as: name) { throw fail(why) }
    }

    /// Refuses files of one command of which one takes another's name as its alias: they would be asked for at the same time, and
    /// then run under both names (rule R1).
    ///
    /// - Throws: `ClusterManagerError.unit` that names both.
    package static func requireOwnNames(_ files: [(name: UnitName, source: UnitSource)]) throws {
        let names = Set(files.map(\.name))
        for (name, source) in files {
            for alias in source.file.aliases(of: name) where alias != name && names.contains(alias) {
                throw ClusterManagerError(
                    .unit,
                    "\(name) and \(alias) cannot both be units: \(name) has Alias=\(alias); leave one of them out, or remove the alias"
                )
            }
        }
    }

    /// Takes a file that the cluster already has, as it is.
    package init(registered file: UnitFile) { self.file = file }

    /// Whether every eligible machine runs a copy of the unit.
    package func isGlobal(as name: UnitName) -> Bool { SchedulingOptions(of: file, for: name).isGlobal }

    /// Whether this file, as unit `name`, refuses to share a machine with `other`.
    package func conflicts(_ name: UnitName, with other: UnitName) -> Bool {
        SchedulingOptions(of: file, for: name).conflicts(with: other)
    }
}
