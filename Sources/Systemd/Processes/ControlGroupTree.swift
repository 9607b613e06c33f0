// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The control groups of this machine's units, read from the kernel: what tells whether processes of a unit live.
///
/// systemd counts a unit as ended and forgets its group while processes are left in it: with `KillMode=none` or `process`, after
/// a SIGKILL that took too long, with `SendSIGKILL=no`. So groups are found by their names, below chains of slices, which is where
/// systemd puts units (systemd.slice(5)); users' own managers and containers are left out.
///
/// Every call reads the file system and returns at once; not for the pool that serves a session.
package struct ControlGroupTree: Sendable {
    /// The folder of the group that this machine's systemd manages: units lie below.
    package let root: String

    package init(root: String) { self.root = root }

    /// The tree of the systemd that this process runs under.
    ///
    /// - Source: systemd, docs/CONTROL_GROUP_INTERFACE; cgroups(7). With version 1 of the kernel's interface, or both, systemd
    ///   tells units apart in a hierarchy of its own.
    package static func ofThisMachine() -> ControlGroupTree {
        let isUnified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0
        let mount = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/systemd"
        var root = mount
        for line in (lines(of: "/proc/1/cgroup") ?? []) {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, isUnified ? fields[0] == "0" : fields[1] == "name=systemd" else { continue }
            var path = String(fields[2])
            if path.hasSuffix("/init.scope") { path.removeLast("/init.scope".count) }
            if path != "/", access(mount + path, F_OK) == 0 { root = mount + path }
        }
        return ControlGroupTree(root: root)
    }

    /// The folders of the groups of these units, whatever slice they are in.
    package func groups(of units: Set<String>) -> [String] {
        guard !units.isEmpty else { return [] }
        var found: [String] = []
        var slices = [root]
        while let slice = slices.popLast() {
            for name in Self.folders(in: slice) {
                let isOfUsers = slice == root && name == "user.slice"
                if name.hasSuffix(".slice"), !isOfUsers { slices.append(slice + "/" + name) }
                // systemd puts an underscore before names that the kernel's own files could have.
                let unit = name.hasPrefix("_") ? String(name.dropFirst()) : name
                if units.contains(unit), !name.hasSuffix(".slice") { found.append(slice + "/" + name) }
            }
        }
        return found.sorted()
    }

    /// Those of `units` that have a living process in their group, or below it, by name.
    package func living(of units: Set<String>) -> [String] {
        groups(of: units).filter { !Self.processes(in: $0).isEmpty }.compactMap(Self.unit).sorted()
    }

    /// Sends SIGKILL to every process of these units.
    package func kill(_ units: Set<String>) {
        for group in groups(of: units) {
            // The kernel's own way misses no process that forks meanwhile; version 1 and older kernels lack it.
            let whole = open(group + "/cgroup.kill", O_WRONLY | O_CLOEXEC)
            if whole >= 0 {
                let count = write(whole, "1", 1)
                close(whole)
                if count == 1 { continue }
            }
            for process in Self.processes(in: group) { Glibc.kill(process, SIGKILL) }
        }
    }

    private static func unit(of group: String) -> String? {
        group.split(separator: "/").last.map { $0.hasPrefix("_") ? String($0.dropFirst()) : String($0) }
    }

    private static func processes(in group: String) -> [pid_t] {
        var found = (lines(of: group + "/cgroup.procs") ?? []).compactMap { pid_t($0) }.filter { $0 > 0 }
        for name in folders(in: group) { found += processes(in: group + "/" + name) }
        return found
    }

    private static func folders(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func lines(of path: String) -> [Substring]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { bytes += buffer[..<count] } else if count == 0 || errno != EINTR { break }
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}
