// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Systemd
import Testing

/// One test, since the environment belongs to the whole process.
@Suite("Notifier", .serialized)
struct NotifierTests {
    @Test("nothing is sent without a socket, and each word arrives as one datagram with one")
    func words() throws {
        unsetenv("NOTIFY_SOCKET")
        #expect(!Notifier.ready())
        #expect(Notifier.watchdogInterval == nil)

        let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(receiver) }
        let path = "/tmp/flt-notify-\(getpid())"
        unlink(path)
        defer { unlink(path) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(receiver, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        setenv("NOTIFY_SOCKET", path, 1)
        defer { unsetenv("NOTIFY_SOCKET") }

        func received() -> String {
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = recv(receiver, &buffer, buffer.count, 0)
            return String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
        }
        #expect(Notifier.ready(status: "up"))
        #expect(received() == "READY=1\nSTATUS=up")
        Notifier.status("two\nlines")
        #expect(received() == "STATUS=two lines")
        Notifier.watchdog()
        #expect(received() == "WATCHDOG=1")
        Notifier.watchdog(within: 1500)
        #expect(received() == "WATCHDOG=1\nWATCHDOG_USEC=1500")
        Notifier.reloading()
        #expect(received() == "RELOADING=1")
        Notifier.stopping()
        #expect(received() == "STOPPING=1")
        Notifier.mainPID(42)
        #expect(received() == "MAINPID=42")

        setenv("WATCHDOG_USEC", "3000000", 1)
        defer { unsetenv("WATCHDOG_USEC") }
        #expect(Notifier.watchdogInterval == 3_000_000)
    }
}
