// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
internal import Logging
package import Systemd

/// A machine with a real systemd as its PID 1: a systemd-nspawn container over the host's `/usr`, with no network.
///
/// It needs root. It boots in a second or two, takes about 35 MB, and dies with the test process however that ends:
/// the program that keeps it holds a pipe from the test, and kills the machine when the pipe closes.
package final class NspawnMachine: Sendable {
    package let name: String
    /// The machine's PID 1 as the host sees it.
    package let leader: Int32
    private let keeper: Int32
    private let lifeline: Int32

    private init(name: String, leader: Int32, keeper: Int32, lifeline: Int32) {
        self.name = name
        self.leader = leader
        self.keeper = keeper
        self.lifeline = lifeline
    }

    /// Boots a machine, hands it to `body` once it has reached multi-user.target, and takes it down afterwards.
    ///
    /// - Parameters:
    ///   - readable: Folders of the host that the machine sees, read-only, at the same place.
    ///   - body: What to do with the machine.
    /// - Returns: What `body` returns.
    /// - Throws: `SystemdCommand.Failure` that says what is missing or what the machine printed, and what `body` throws.
    package static func with<Value>(
        readable: [String] = [], _ body: (NspawnMachine) async throws -> Value
    ) async throws -> Value {
        let machine = try await boot(readable: readable)
        do {
            let value = try await body(machine)
            await machine.powerOff()
            return value
        } catch {
            await machine.powerOff()
            throw error
        }
    }

    /// The program that stands between test and machine: as soon as its input ends, so does the machine.
    ///
    /// Each machine gets control groups of its own (`$1`), under each hierarchy that systemd uses: with --keep-unit
    /// nspawn puts its payload below the group it runs in, and two machines in one group would take each other's
    /// processes for their own. The groups also say which processes are left to kill: nspawn's death alone leaves its
    /// PID 1 running. The keeper itself goes back to the root group, out of the way.
    private static let keeperScript = """
        name=$1; shift
        roots=
        for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
            [ -f "$root/cgroup.procs" ] && roots="$roots $root"
        done
        for root in $roots; do mkdir "$root/$name" && echo $$ >"$root/$name/cgroup.procs" || exit 1; done
        "$@" </dev/null &
        machine=$!
        for root in $roots; do echo $$ >"$root/cgroup.procs"; done
        cat >/dev/null
        patience=0
        for leader in $(cat "/proc/$machine/task/$machine/children"); do
            # nspawn sees the end of its PID 1, reaps it and ends as well; five seconds for that are plenty.
            kill -KILL "$leader" && patience=5
        done 2>/dev/null
        (sleep $patience; kill -KILL "$machine") 2>/dev/null &
        timer=$!
        wait "$machine" 2>/dev/null
        kill "$timer" 2>/dev/null
        for root in $roots; do
            while pids=$(find "$root/$name" -name cgroup.procs -exec cat {} + 2>/dev/null) && [ -n "$pids" ]; do
                kill -KILL $pids 2>/dev/null
            done
            find "$root/$name" -depth -type d -exec rmdir {} + 2>/dev/null
        done
        exit 0
        """

    package static func boot(readable: [String] = []) async throws -> NspawnMachine {
        guard geteuid() == 0 else { throw failure("root is needed to boot a machine; run the tests as root or skip") }
        guard access("/usr/bin/systemd-nspawn", X_OK) == 0 else {
            throw failure("systemd-nspawn is missing; install the package systemd-container")
        }
        // nspawn and libsystemd take this folder as the sign that systemd is at home; elsewhere it does no harm.
        mkdir("/run/systemd", 0o755)
        mkdir("/run/systemd/system", 0o755)

        let id = (0..<4).map { _ in UInt32.random(in: 0...UInt32.max) }
            .map { String(String(UInt64($0) + 0x1_0000_0000, radix: 16).dropFirst()) }.joined()
        let name = "flt-" + id.prefix(8)
        var arguments = [
            "/bin/sh", "-c", keeperScript, "keeper", name,
            "systemd-nspawn", "--quiet", "--directory=/", "--volatile=yes", "--register=no", "--keep-unit",
            "--machine=" + name, "--private-network", "--console=read-only", "--kill-signal=SIGRTMIN+3",
            "--uuid=" + id, "--boot",
        ]
        for folder in readable { arguments.append("--bind-ro=" + folder) }
        for unit in ["systemd-firstboot.service", "etcd.service", "systemd-networkd-wait-online.service"] {
            arguments.append("systemd.mask=" + unit)
        }
        arguments.append("systemd.unit=multi-user.target")

        let log = "/tmp/\(name).log"
        let output = open(log, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw failure("cannot make \(log): errno \(errno)") }
        unlink(log)
        defer { close(output) }
        let lifeline = try SystemdCommand.channel()
        defer { close(lifeline.0) }
        let keeper = try SystemdCommand.spawn(arguments, input: lifeline.0, output: output)
        let half = NspawnMachine(name: name, leader: 0, keeper: keeper, lifeline: lifeline.1)
        do {
            let leader = try await half.findLeader()
            let machine = NspawnMachine(name: name, leader: leader, keeper: keeper, lifeline: lifeline.1)
            try await machine.untilBooted()
            return machine
        } catch {
            await half.powerOff()
            throw failure("machine \(name) did not boot: \(error); it printed: \(Self.contents(of: output))")
        }
    }

    /// The power cut: every process of the machine is gone at once.
    package func powerOff() async {
        close(lifeline)
        let keeper = keeper
        _ = await SystemdCommand.onThread { SystemdCommand.wait(for: keeper) }
    }

    /// A path of the machine, as the host reaches it.
    package func path(_ inside: String) -> String { "/proc/\(leader)/root\(inside)" }

    /// The direct way to the machine's systemd.
    ///
    /// systemd refuses peers whose process it cannot see, so a bridge inside the machine's process namespace does it.
    package var direct: BusEndpoint { bridge("/run/systemd/private") }

    /// The direct way to the manager of the user whose runtime folder this is.
    package func user(runtime: String) -> BusEndpoint { bridge(runtime + "/systemd/private") }

    private func bridge(_ socket: String) -> BusEndpoint {
        let words = [
            "--target=\(leader)", "--all", "/usr/bin/systemd-stdio-bridge", "--bus-path=unix:path=" + socket,
        ]
        let arguments = words.enumerated().map { ",argv\($0.offset + 1)=" + Self.escape($0.element) }.joined()
        return BusEndpoint(address: "unixexec:path=/usr/bin/nsenter" + arguments, isDirect: true)
    }

    /// The way over the machine's D-Bus broker.
    package var brokered: BusEndpoint { BusEndpoint(path: path("/run/dbus/system_bus_socket"), isDirect: false) }

    private static func escape(_ word: String) -> String {
        word.split(separator: "=", omittingEmptySubsequences: false).joined(separator: "%3d")
            .split(separator: ":", omittingEmptySubsequences: false).joined(separator: "%3a")
    }

    /// A connected manager over one of the ways above.
    package func manager(
        _ endpoint: BusEndpoint, callTimeout: Duration = .seconds(60)
    ) async throws -> SystemdManager {
        var configuration = SystemdManager.Configuration()
        configuration.callTimeout = callTimeout
        let manager = try SystemdManager(
            endpoints: [endpoint], configuration: configuration,
            logger: Logger(label: "machine") { _ in SwiftLogNoOpLogHandler() })
        try await manager.connect()
        return manager
    }

    /// Runs a program inside the machine.
    @discardableResult
    package func run(_ arguments: String...) async throws -> SystemdCommand.Output {
        try await SystemdCommand.run(["nsenter", "--target=\(leader)", "--all"] + arguments)
    }

    /// Writes a file of the machine, making its folder.
    package func write(_ text: String, to inside: String, mode: UInt32 = 0o644) throws {
        let path = path(inside)
        let folder = path.split(separator: "/").dropLast()
        for depth in folder.indices.dropFirst(3) {
            mkdir("/" + folder[...depth].joined(separator: "/"), 0o755)
        }
        try SystemdTestFile.write(text, to: path, mode: mode)
    }

    private func findLeader() async throws -> Int32 {
        try await Self.poll(for: "systemd inside nspawn", seconds: 30) { [keeper] in
            guard kill(keeper, 0) == 0 else { throw Self.failure("nspawn ended") }
            for container in Self.children(of: keeper) {
                for leader in Self.children(of: container)
                where access("/proc/\(leader)/root/run/systemd/private", F_OK) == 0 {
                    return leader
                }
            }
            return nil
        }
    }

    private func untilBooted() async throws {
        try await Self.poll(for: "multi-user.target", seconds: 60) { () -> Bool? in
            // Early in the boot the broker may take a call that nobody will answer.
            guard let manager = try? await self.manager(self.brokered, callTimeout: .seconds(2)) else { return nil }
            let units = try? await manager.listUnits(names: ["multi-user.target"])
            await manager.close()
            return units?.first?.active == "active" ? true : nil
        }
    }

    /// Repeats `attempt` until it answers something; for the few things that announce themselves to nobody.
    @discardableResult
    package static func poll<Value>(
        for what: String, seconds: Int, _ attempt: () async throws -> Value?
    ) async throws -> Value {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if let value = try await attempt() { return value }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw failure("no \(what) within \(seconds) s")
    }

    private static func children(of pid: Int32) -> [Int32] {
        let descriptor = open("/proc/\(pid)/task/\(pid)/children", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return contents(of: descriptor).split(separator: " ").compactMap { Int32($0) }
    }

    private static func contents(of descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    }

    private static func failure(_ text: String) -> SystemdCommand.Failure { SystemdCommand.Failure(description: text) }
}
