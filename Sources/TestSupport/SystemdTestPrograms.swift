// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the programs of the test build lie, and what a machine must see of the host to run them.
package enum SystemdTestPrograms {
    /// A program of the package that the tests were built with.
    package static func path(_ name: String) throws -> String {
        let path = try folder() + "/" + name
        guard access(path, X_OK) == 0 else {
            throw SystemdCommand.Failure(description: "\(path) is missing: make the test target depend on \(name)")
        }
        return path
    }

    /// Folders to hand to `NspawnMachine.with(readable:)`: the build's, and that of Swift's shared libraries.
    package static func folders() throws -> [String] {
        var folders = [try folder()]
        for line in try SystemdTestFile.read("/proc/self/maps").split(separator: "\n") {
            guard let path = line.split(separator: " ").last, path.hasSuffix("/libswiftCore.so") else { continue }
            let runtime = String(path.dropLast("/libswiftCore.so".count))
            // The machine has the host's /usr anyway.
            if !runtime.hasPrefix("/usr/"), !folders.contains(runtime) { folders.append(runtime) }
        }
        return folders
    }

    /// Where the package manager puts the programs that it builds for tests.
    package static func folder() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
            throw SystemdCommand.Failure(description: "/proc/self/exe cannot be read: errno \(errno)")
        }
        let path = buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        return path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    }
}

/// Small files for fixtures, whole.
package enum SystemdTestFile {
    package static func read(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw SystemdCommand.Failure(description: "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 { bytes += buffer[..<count] } else if count == 0 || errno != EINTR { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package static func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw SystemdCommand.Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw SystemdCommand.Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
