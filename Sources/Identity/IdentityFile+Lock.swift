// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension IdentityFile {
    /// Does `work` while no other program, and no other task of this one, does such with the same folder.
    ///
    /// - Throws: `.file` when the folder cannot be locked; what `work` throws.
    static func locked<Value>(
        _ folder: String, _ work: () throws(IdentityError) -> Value
    ) throws(IdentityError) -> Value {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open folder", folder) }
        // Its end is that of the lock.
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw failure("lock folder", folder) }
        }
        return try work()
    }
}
