// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension IdentityFile {
    /// Puts `text` into a new file and that in the place of the old: a reader sees the one or the other.
    ///
    /// For files in our own folders, where a symbolic link is nothing but a trap: it is replaced and not followed.
    package static func write(_ text: String, to path: String, mode: UInt32) throws(IdentityError) {
        try replace(path, by: text, mode: mode)
    }

    /// Writes `text` to what a user's `path` names, as cp(1) would, and a regular file whole or not at all.
    ///
    /// A regular file gets its text as with `write(_:to:mode:)`. A symbolic link is followed and stays. What is no regular
    /// file, such as a device or a pipe, is written through and never replaced.
    ///
    /// - Throws: `.file` when not every byte has got there.
    package static func write(_ text: String, toNamed path: String, mode: UInt32) throws(IdentityError) {
        if let own = ownDescriptor(path) {
            restrict(own, to: mode)
            return try put(text, into: own, of: path)
        }
        // By opening it the kernel says whether this may be written at all, also where a link in a shared folder leads.
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw failure("write", path) }
            var link = stat()
            guard lstat(path, &link) == 0 else { return try replace(path, by: text, mode: mode) }
            return try fillTarget(ofLink: path, with: text, mode: mode)
        }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            defer { close(descriptor) }
            throw failure("write", path)
        }
        if info.st_mode & S_IFMT == S_IFREG {
            close(descriptor)
            guard let target = realpath(path, nil) else { throw failure("write", path) }
            defer { free(target) }
            return try replace(String(cString: target), by: text, mode: mode)
        }
        do {
            try put(text, into: descriptor, of: path)
        } catch {
            close(descriptor)
            throw error
        }
        guard close(descriptor) == 0 else { throw failure("write", path) }
    }

    /// Takes from a regular file that is open already, such as the one that a shell has made for `>`, what `mode` does not give.
    ///
    /// What is no regular file stays as it is, such as a pipe or a terminal.
    package static func restrict(_ descriptor: Int32, to mode: UInt32) {
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return }
        let bits = info.st_mode & 0o7777
        if bits & ~mode != 0 { _ = fchmod(descriptor, bits & mode) }
    }

    /// The descriptor of this very process that `path` names, whose place in its file counts; `nil` for any other path.
    private static func ownDescriptor(_ path: String) -> Int32? {
        if path == "/dev/stdout" { return STDOUT_FILENO }
        if path == "/dev/stderr" { return STDERR_FILENO }
        for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
            return Int32(path.dropFirst(folder.count))
        }
        return nil
    }

    /// Puts a new file in the place of `path`; its temporary name is nobody else's.
    ///
    /// It belongs to whom the old one did: etcd reads its key as another user than root, who renews it.
    private static func replace(_ path: String, by text: String, mode: UInt32) throws(IdentityError) {
        var name = Array("\(path).XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw failure("write", path) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        do {
            try put(text, into: descriptor, of: path)
        } catch {
            close(descriptor)
            unlink(name)
            throw error
        }
        // The umask may have taken bits away; a power cut must not leave an empty file behind.
        let isKept = keepOwner(of: path, for: descriptor) && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
        guard close(descriptor) == 0, isKept, rename(name, path) == 0 else {
            let error = failure("write", path)
            unlink(name)
            throw error
        }
    }

    /// Gives a new file the owner and group of the regular file that it is to replace; whether that was possible, or needless.
    private static func keepOwner(of path: String, for descriptor: Int32) -> Bool {
        var (old, new) = (stat(), stat())
        guard lstat(path, &old) == 0, old.st_mode & S_IFMT == S_IFREG else { return true }
        guard fstat(descriptor, &new) == 0 else { return false }
        guard (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) else { return true }
        // Who is not root owns what he writes, as before.
        return fchown(descriptor, old.st_uid, old.st_gid) == 0 || geteuid() != 0
    }

    /// Makes the file that a link leads to and that is not there yet.
    private static func fillTarget(ofLink path: String, with text: String, mode: UInt32) throws(IdentityError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, mode)
        guard descriptor >= 0 else { throw failure("write", path) }
        do {
            try put(text, into: descriptor, of: path)
        } catch {
            close(descriptor)
            throw error
        }
        let isKept = fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
        guard close(descriptor) == 0, isKept else { throw failure("write", path) }
    }

    private static func put(_ text: String, into descriptor: Int32, of path: String) throws(IdentityError) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else { throw failure("write", path) }
            bytes = bytes.dropFirst(max(written, 0))
        }
    }

    /// Looks whether `write(_:toNamed:mode:)` would find a place at `path`, for whoever must not lose what he is about to make.
    ///
    /// - Throws: `.file` when the folder is missing or closed to this user, or the file is.
    package static func checkWritable(_ path: String) throws(IdentityError) {
        guard !path.isEmpty else { throw failure("write", path) }
        guard ownDescriptor(path) == nil else { return }
        if access(path, F_OK) == 0 {
            var info = stat()
            if stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR {
                throw IdentityError(.file, "cannot write \(path): it is a folder; name a file in it")
            }
            guard access(path, W_OK) == 0 else { throw failure("write", path) }
            return
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard access(folder, W_OK | X_OK) == 0 else { throw failure("write", path) }
    }
}
