// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Synchronization

/// A way to a distant API: a unix socket here, whose connections ssh carries to the API's address there.
///
/// The system's ssh does the work (`-L`, on a socket in a private folder), so keys, agents, `~/.ssh/config` and host keys
/// are what the user's own ssh makes of them. At the far end runs `cat`, reading from a pipe that this process holds:
/// the line that `echo` prints says that the way is open, so nothing is polled, and when this process ends, however it ends,
/// the pipe closes and ssh goes too. Started with posix_spawn, the one child of the program.
package final class SSHTunnel: Sendable {
    /// Path of the socket here.
    package let socket: String
    private let folder: String
    private let process: pid_t
    private let lifeline: Int32
    private let isClosed = Mutex(false)

    /// What the far end prints when the way is open.
    private static let greeting = "flotilla-tunnel-open"

    private init(folder: String, socket: String, process: pid_t, lifeline: Int32) {
        self.folder = folder
        self.socket = socket
        self.process = process
        self.lifeline = lifeline
    }

    /// Opens a tunnel.
    ///
    /// - Parameters:
    ///   - host: Where to log in.
    ///   - target: What to reach from there: a socket's path, or `HOST:PORT`.
    ///   - settings: For ssh; its own tunnel is not used.
    ///   - program: ssh, or a stand-in.
    /// - Returns: The open tunnel, which the caller closes.
    /// - Throws: `ClusterManagerError.unreachable` with ssh's last words when it cannot be opened.
    package static func open(
        to host: SSHHost, target: String, settings: SSHSettings, program: String = "ssh"
    ) async throws -> SSHTunnel {
        let folder = try privateFolder()
        do {
            return try await open(to: host, target: target, settings: settings, program: program, in: folder)
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
    }

    private static func open(
        to host: SSHHost, target: String, settings: SSHSettings, program: String, in folder: String
    ) async throws -> SSHTunnel {
        let socket = "\(folder)/api.sock"
        let arguments =
            settings.options(port: host.port, throughTunnel: false)
            + ["-T", "-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=ERROR", "-L", "\(socket):\(target)", "--"]
            + [host.name, "echo \(greeting); exec cat >/dev/null"]
        let log = "\(folder)/ssh.log"
        let child = try ChildProcess(program, arguments, errors: log)
        let opened = await BlockingWork.run { child.waitForLine(greeting) }
        guard opened else {
            child.end()
            let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
            let words = text.split(whereSeparator: \.isNewline).last.map(String.init) ?? "it gave no reason"
            throw ClusterManagerError(
                .unreachable,
                "cannot open a tunnel through \(host): \(words.trimmingPrefix("ssh: ")); try 'ssh \(host.sshWords)' by itself",
                isTransient: true)
        }
        return SSHTunnel(folder: folder, socket: socket, process: child.process, lifeline: child.input)
    }

    /// Ends ssh and removes the socket; a second call does nothing.
    package func close() {
        let wasClosed = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return isClosed
        }
        guard !wasClosed else { return }
        Glibc.close(lifeline)
        kill(process, SIGTERM)
        ChildProcess.reap(process)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A folder that only this user can look into.
    ///
    /// In `/tmp` rather than `TMPDIR`: the path of a socket has at most 107 bytes.
    private static func privateFolder() throws -> String {
        var template = Array("/tmp/flotilla-tunnel-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else {
            throw ClusterManagerError(
                .usage, "cannot make a folder for the tunnel in /tmp: \(String(cString: strerror(errno)))")
        }
        return String(cString: path)
    }
}

extension SSHHost {
    /// What a user types after `ssh` to get there.
    fileprivate var sshWords: String { (options + [name]).joined(separator: " ") }
}
