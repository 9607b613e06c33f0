// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The program that this process runs.
enum OwnProgram {
    /// The paths by which the kernel comes to it: those by which it was started, each link on the way, and itself.
    static var places: [String] {
        // systemd starts the agent by a path that may lead over links, and hands it on as the first argument.
        let arguments = (try? HostFiles.read("/proc/self/cmdline")) ?? ""
        let started = String(arguments.prefix { $0 != "\0" })
        var programs = [HostFiles.target(of: "/proc/self/exe")].compactMap(\.self)
        if started.hasPrefix("/") { programs.append(started) }
        return programs.flatMap { HostFiles.way(to: $0) }
    }
}
