// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Systemd
import TestSupport
import Testing

@Suite("control groups of units") struct ControlGroupTreeTests {
    @Test("units are found by name below slices, and nowhere else")
    func places() async throws {
        try await withTemporaryFolder { root in
            for path in [
                "system.slice/web.service/inner", "system.slice/system-web.slice/web@1.service",
                "apps.slice/_cgroup.service",
                "user.slice/user-0.slice/web.service", "machine.scope/payload/system.slice/web.service", "web.service",
            ] {
                try makeFolders(root, path)
            }
            let tree = ControlGroupTree(root: root)
            #expect(tree.groups(of: ["web.service"]) == ["\(root)/system.slice/web.service", "\(root)/web.service"])
            #expect(
                tree.groups(of: ["web@1.service", "cgroup.service"])
                    == ["\(root)/apps.slice/_cgroup.service", "\(root)/system.slice/system-web.slice/web@1.service"])
            #expect(tree.groups(of: ["system.slice"]).isEmpty && tree.groups(of: []).isEmpty)
        }
    }

    @Test("a unit lives while a process is in its group or below, and SIGKILL reaches each of them")
    func processes() async throws {
        try await withTemporaryFolder { root in
            let null = open("/dev/null", O_RDWR | O_CLOEXEC)
            defer { close(null) }
            let pids = try (0..<2).map { _ in
                try SystemdCommand.spawn(["/usr/bin/sleep", "1000"], input: null, output: null)
            }
            defer { for pid in pids { kill(pid, SIGKILL) } }
            try makeFolders(root, "system.slice/web.service/inner")
            let tree = ControlGroupTree(root: root)
            #expect(tree.living(of: ["web.service"]).isEmpty)
            for (pid, path) in zip(pids, ["web.service", "web.service/inner"]) {
                try SystemdTestFile.write("\(pid)\n", to: "\(root)/system.slice/\(path)/cgroup.procs")
            }
            #expect(tree.living(of: ["web.service", "other.service"]) == ["web.service"])
            tree.kill(["web.service"])
            for pid in pids {
                #expect(await SystemdCommand.onThread { SystemdCommand.wait(for: pid) } == 128 + SIGKILL)
            }
        }
    }

    private func makeFolders(_ root: String, _ path: String) throws {
        var folder = root
        for part in path.split(separator: "/") {
            folder += "/" + part
            mkdir(folder, 0o755)
        }
    }
}
