// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import Glibc

/// The names and links under which systemd finds this agent's units; knows which of them are ours (rule R13).
struct UnitLinks: Sendable {
    /// systemd's runtime folder, in which links are made.
    let folder: String
    /// The folders in which systemd looks for units, `folder` among them or not.
    let searchPath: [String]

    /// Where the system's manager looks for units.
    ///
    /// - Source: systemd.unit(5), "Unit File Load Path".
    static let systemSearchPath = [
        "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
        "/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached",
        "/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator",
        "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
        "/run/systemd/generator.late",
    ]

    /// Makes sure that a name is not the machine's own.
    ///
    /// - Throws: `HostError` that names the file by which the machine has a unit of this name.
    func claim(_ name: UnitName, for unitFile: String, of unit: UnitName) throws(HostError) {
        var names = [name.rawValue]
        if let template = name.template { names.append(template.rawValue) }
        for name in names {
            for place in searchPath + [folder] {
                let path = place + "/" + name
                guard HostFiles.exists(path), !isOurs(path, unitFile, unit) else { continue }
                if HostFiles.target(of: path) == "/dev/null", place != folder {
                    // systemd tells of a mask that it finds before our link; one behind it would be overridden.
                    if precedes(place) { continue }
                    throw HostError("this machine masks \(name) by \(path); give the unit another name")
                }
                throw HostError(
                    "this machine has a unit \(name) of its own, \(path), which is not replaced; give the unit another name"
                )
            }
        }
    }

    /// Whether systemd takes what stands in `place` before what stands in `folder`.
    private func precedes(_ place: String) -> Bool {
        guard let own = searchPath.firstIndex(of: folder) else { return true }
        return searchPath.prefix(own).contains(place)
    }

    /// Whether a link leads to the file of `unit`, or to its link.
    private func isOurs(_ path: String, _ unitFile: String, _ unit: UnitName) -> Bool {
        let target = HostFiles.target(of: path)
        return target == unitFile || target == unit.rawValue || target == folder + "/" + unit.rawValue
    }

    /// Makes the links that `section` asks for.
    ///
    /// - Returns: Whether any is new: systemd then has to read its unit files again.
    func make(_ section: InstallSection, for unit: UnitName) throws(HostError) -> Bool {
        var isChanged = false
        for (path, target) in links(section, for: unit) where HostFiles.target(of: path) != target {
            if let parent = path.lastIndex(of: "/") { try HostFiles.makeFolder(String(path[..<parent])) }
            guard !HostFiles.exists(path) else {
                throw HostError("\(path) is in the way of a link that [Install] asks for; it is not ours to replace")
            }
            try HostFiles.link(path, to: target)
            isChanged = true
        }
        return isChanged
    }

    /// Removes those links of `section` that are ours, and folders that are empty then.
    ///
    /// - Returns: Whether there were any.
    @discardableResult
    func remove(_ section: InstallSection, for unit: UnitName) throws(HostError) -> Bool {
        var isChanged = false
        for (path, target) in links(section, for: unit) where HostFiles.target(of: path) == target {
            try HostFiles.remove(path)
            isChanged = true
            if let parent = path.lastIndex(of: "/"), path[..<parent] != folder {
                HostFiles.removeEmptyFolder(String(path[..<parent]))
            }
        }
        return isChanged
    }

    /// Whether one of the links that `section` asks for is not there.
    func lacks(_ section: InstallSection, for unit: UnitName) -> Bool {
        links(section, for: unit).contains { !HostFiles.exists($0.path) }
    }

    /// Removes every link to `unit` that an `[Install]` section can have asked for, whatever it said.
    ///
    /// - Returns: Whether there were any.
    func removeAll(of unit: UnitName) throws(HostError) -> Bool {
        var isChanged = false
        for name in HostFiles.names(in: folder) {
            let path = folder + "/" + name
            if HostFiles.target(of: path) == unit.rawValue {
                try HostFiles.remove(path)
                isChanged = true
            } else if [".wants", ".requires", ".upholds"].contains(where: name.hasSuffix) {
                let link = path + "/" + unit.rawValue
                guard HostFiles.target(of: link) == "../" + unit.rawValue else { continue }
                try HostFiles.remove(link)
                HostFiles.removeEmptyFolder(path)
                isChanged = true
            }
        }
        return isChanged
    }

    /// Removes systemd's link to the file of `unit`, if it is ours.
    func unlink(_ unit: UnitName, of unitFile: String) throws(HostError) {
        let path = folder + "/" + unit.rawValue
        if HostFiles.target(of: path) == unitFile { try HostFiles.remove(path) }
    }

    private func links(_ section: InstallSection, for unit: UnitName) -> [(path: String, target: String)] {
        section.aliases.map { (folder + "/" + $0.rawValue, unit.rawValue) }
            + section.dependents.map { (folder + "/" + $0, "../" + unit.rawValue) }
    }
}
