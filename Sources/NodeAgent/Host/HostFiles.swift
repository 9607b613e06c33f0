// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Small files of the machine: read whole, written so that a reader never sees half of one.
enum HostFiles {
    /// - Throws: `HostError` that says which file and why.
    static func read(_ path: String) throws(HostError) -> String {
        // Every byte: Foundation's reader of text would drop a byte order mark.
        guard let bytes = FileManager.default.contents(atPath: path),
            let text = String(validating: bytes, as: UTF8.self)
        else { throw HostError("cannot read \(path): \(reason(path))") }
        return text
    }

    /// Writes through a new file in the same folder, then renames it over the old one.
    static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws(HostError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw HostError("cannot write \(temporary): \(String(cString: strerror(errno)))") }
        var bytes = ArraySlice(Array(text.utf8))
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else {
                let reason = String(cString: strerror(errno))
                close(descriptor)
                throw HostError("cannot write \(temporary): \(reason)")
            }
            bytes = bytes.dropFirst(max(count, 0))
        }
        close(descriptor)
        guard rename(temporary, path) == 0 else {
            throw HostError("cannot rename \(temporary) to \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Makes the folder and those above it; one that is there is left as it is.
    static func makeFolder(_ path: String) throws(HostError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw HostError("cannot make the folder \(path): \(error)")
        }
    }

    /// Deletes a file; one that is not there is no error.
    static func remove(_ path: String) throws(HostError) {
        guard unlink(path) != 0, errno != ENOENT else { return }
        throw HostError("cannot delete \(path): \(String(cString: strerror(errno)))")
    }

    /// The path that a symbolic link leads to.
    static func resolve(_ link: String) throws(HostError) -> String {
        guard let path = realpath(link, nil) else {
            throw HostError("cannot resolve \(link): \(String(cString: strerror(errno)))")
        }
        defer { free(path) }
        return String(cString: path)
    }

    /// Writes one line to standard error.
    static func complain(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Deletes a folder if nothing is in it.
    static func removeEmptyFolder(_ path: String) { rmdir(path) }

    /// Names in a folder, sorted; none when the folder is not there.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    private static func reason(_ path: String) -> String {
        access(path, R_OK) == 0 ? "it is not UTF-8 text" : String(cString: strerror(errno))
    }
}

/// Something on this machine that does not work: what failed, on what, and why.
package struct HostError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
