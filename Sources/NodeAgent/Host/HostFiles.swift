// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FoundationEssentials
import Glibc
import Systemd
import Terminal

/// Small files of the machine: read whole, written so that a reader never sees half of one.
enum HostFiles {
    /// Reads a file whole.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - takesStreams: Whether a pipe or a device will do, to whose end is read: right for what an operator names, and wrong for
    ///     what the agent looks at by itself, which somebody else's pipe would hold for ever.
    /// - Returns: Every byte of it, a byte order mark too.
    /// - Throws: `HostError` that says which file and why.
    static func read(_ path: String, takesStreams: Bool = false) throws(HostError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (takesStreams ? 0 : O_NONBLOCK))
        guard descriptor >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard let kind = FileKind(of: descriptor) else { throw unreadable(path, String(cString: strerror(errno))) }
        guard kind != .folder else { throw unreadable(path, "it is a folder; name a file in it") }
        guard takesStreams || kind == .regular else { throw unreadable(path, "it is no regular file") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: page)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
            if count == 0 { break }
            bytes += chunk[..<count]
            // A device may have no end.
            guard !takesStreams || bytes.count <= streamLimit else {
                throw unreadable(path, "it has more than \(streamLimit >> 20) MiB")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw unreadable(path, "it is not UTF-8 text")
        }
        return text
    }

    /// What a file of settings may have, in bytes.
    private static let streamLimit = 1 << 20

    private static func unreadable(_ path: String, _ why: String) -> HostError {
        HostError("cannot read \(path): \(why)")
    }

    /// Writes through a new file in the same folder, then renames it over the old one; a crash leaves one of the two whole.
    ///
    /// - Throws: `HostError`; the old file is then as it was, and no new one is left.
    static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws(HostError) {
        let temporary = path + ".new"
        // What an earlier run left there, or somebody else put there, is not written through.
        unlink(temporary)
        do throws(HostError) {
            try fill(temporary, Array(text.utf8), flags: O_EXCL, mode: mode)
            guard rename(temporary, path) == 0 else { throw failure("rename \(temporary) to", path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Writes the file unless it says the same already, so that a full disk stands in the way of changes alone.
    ///
    /// - Returns: Whether it was written.
    /// - Throws: As `write`.
    @discardableResult
    static func keep(_ text: String, at path: String, mode: mode_t = 0o644) throws(HostError) -> Bool {
        guard (try? read(path)) != text else { return false }
        try write(text, to: path, mode: mode)
        return true
    }

    /// Writes `text` over the file and keeps room for the next time, so that a full disk cannot refuse it.
    ///
    /// The text is padded with blanks to whole pages. The file and its spare, `path` with `.spare` behind it, change places: both
    /// keep the space that they have, and a reader never sees half of either.
    static func rewrite(_ text: String, at path: String, mode: mode_t = 0o644) throws(HostError) {
        let spare = path + ".spare"
        let size = (text.utf8.count / page + 1) * page
        let bytes = Array(text.utf8) + [UInt8](repeating: UInt8(ascii: " "), count: size - text.utf8.count)
        try fill(spare, bytes, mode: mode)
        switch FileExchange.exchange(spare, path) {
        case 0: return
        // No file yet, or a file system that knows no exchange.
        case -ENOENT, -EINVAL: break
        case let status:
            errno = -status
            throw failure("exchange \(spare) for", path)
        }
        guard rename(spare, path) == 0 else { throw failure("rename \(spare) to", path) }
        try fill(spare, bytes, mode: mode)
    }

    private static let page = 4096

    private static func fill(
        _ path: String, _ bytes: [UInt8], flags: Int32 = 0, mode: mode_t
    ) throws(HostError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, mode)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw failure("write", path) }
            rest = rest.dropFirst(max(count, 0))
        }
        guard ftruncate(descriptor, off_t(bytes.count)) == 0, fsync(descriptor) == 0 else {
            throw failure("write", path)
        }
    }

    /// What errno says of an action on a path.
    private static func failure(_ action: String, _ path: String) -> HostError {
        let number = errno
        let fault: StorageFault? =
            switch number {
            case ENOSPC, EDQUOT: .full
            case EROFS: .readOnly
            case EIO: .broken
            default: nil
            }
        return HostError("cannot \(action) \(path): \(String(cString: strerror(number)))", storage: fault)
    }

    /// Checks that files can be made in a folder, as far as the folder itself decides it.
    ///
    /// - Throws: `HostError` when it is none, or lies on a file system that takes no writes.
    static func checkWritable(_ folder: String) throws(HostError) {
        guard faccessat(AT_FDCWD, folder + "/.", W_OK | X_OK, 0) == 0 else { throw failure("write to", folder) }
    }

    /// Whether there is anything of that name, be it a link that leads nowhere.
    static func exists(_ path: String) -> Bool {
        faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// Where a symbolic link points, as it stands there; `nil` when there is no link.
    static func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The paths by which the kernel comes to a file: the one that is given, each link on the way, and where they lead.
    static func way(to path: String) -> [String] {
        var passed = [path]
        var place = ""
        var rest = Array(path.split(separator: "/").reversed())
        while let part = rest.popLast() {
            switch part {
            case ".": break
            case "..": place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
            default:
                let next = "\(place)/\(part)"
                guard passed.count <= longestWay, let link = target(of: next) else {
                    place = next
                    continue
                }
                passed.append(next)
                if link.hasPrefix("/") { place = "" }
                rest += link.split(separator: "/").reversed()
            }
        }
        return passed + [place]
    }

    /// The kernel follows no more links than these (path_resolution(7)).
    private static let longestWay = 40

    /// Makes a symbolic link.
    static func link(_ path: String, to target: String) throws(HostError) {
        guard symlink(target, path) == 0 else { throw failure("make the link", path) }
    }

    /// Makes the folder and those above it; one that is there is left as it is.
    static func makeFolder(_ path: String) throws(HostError) {
        var folder = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            folder += "/" + part
            guard mkdir(folder, 0o755) != 0, errno != EEXIST else { continue }
            throw failure("make the folder", folder)
        }
        guard access(path + "/.", F_OK) == 0 else {
            throw HostError("cannot make the folder \(path): something else is there; remove that")
        }
    }

    /// Deletes a file; one that is not there is no error, be it for want of the folder.
    static func remove(_ path: String) throws(HostError) {
        guard unlink(path) != 0, errno != ENOENT, errno != ENOTDIR else { return }
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

    /// Writes a line to standard output; what others have said in it is made printable.
    static func say(_ line: String) { OutputSink.results.line(Printable.text(line)) }

    /// Writes a line to standard error; what others have said in it is made printable.
    static func complain(_ line: String) {
        let bytes = Array(Printable.text(line + "\n").utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Folders on the way to `path`, itself too, that `makeFolder` would have to make; the innermost first.
    static func missingFolders(on path: String) -> [String] {
        var folder = path.hasPrefix("/") ? "" : "."
        var missing: [String] = []
        for part in path.split(separator: "/") {
            folder += "/" + part
            if !exists(folder) { missing.insert(folder, at: 0) }
        }
        return missing
    }

    /// Deletes a folder if nothing is in it.
    static func removeEmptyFolder(_ path: String) { rmdir(path) }

    /// Names in a folder, sorted; none when the folder is not there.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }
}
