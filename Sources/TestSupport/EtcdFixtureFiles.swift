// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc

/// `count` TCP ports of the loopback address that were free just now.
func freePorts(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    var ports: [Int] = []
    for _ in 0..<count {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestFixtureError("socket: \(String(cString: strerror(errno)))") }
        sockets.append(descriptor)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        guard result == 0 else { throw TestFixtureError("bind: \(String(cString: strerror(errno)))") }
        ports.append(Int(UInt16(bigEndian: address.sin_port)))
    }
    return ports
}

private let temporaryBase = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"

/// Removes the folders of processes that are gone.
///
/// Servers that tests share live as long as their process, so nobody removes their folders at its end; the next one does.
private let sweep: Void = {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: temporaryBase)) ?? [] {
        let parts = name.split(separator: ".")
        guard parts.count == 3, parts[0].hasPrefix("flotilla-"), let pid = Int32(parts[1]), pid > 0,
            kill(pid, 0) != 0, errno == ESRCH
        else { continue }
        removeTree("\(temporaryBase)/\(name)")
    }
}()

/// A new folder below the system's temporary one, whose name tells the process that made it.
func temporaryFolder(_ prefix: String) throws -> String {
    _ = sweep
    var template = Array("\(temporaryBase)/\(prefix).\(getpid()).XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
        buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
    }
    guard made else {
        throw TestFixtureError("mkdtemp: \(String(cString: strerror(errno)))")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func removeTree(_ path: String) {
    try? FileManager.default.removeItem(atPath: path)
}

func readTail(of path: String, limit: Int) throws -> String {
    let data = try Data(contentsOf: URL(filePath: path))
    return String(decoding: data.suffix(limit), as: UTF8.self)
}
