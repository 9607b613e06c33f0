// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

@testable import Identity

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The permission bits of a file or folder.
func mode(_ path: String) throws -> UInt32 {
    var info = stat()
    try #require(stat(path, &info) == 0, "\(path) cannot be looked at")
    return info.st_mode & 0o7777
}

@Suite("Files that hold identities")
struct IdentityFileTests {
    @Test(
        "a file gets the mode asked for, whatever the umask takes away", arguments: [0o600, 0o644, 0o666] as [UInt32])
    func modes(asked: UInt32) async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/a"
            try IdentityFile.write("one", to: file, mode: asked)
            #expect(try mode(file) == asked)
            // What was open to all before is not any more.
            try #require(chmod(file, 0o666) == 0)
            try IdentityFile.write("two", to: file, mode: asked)
            #expect(try mode(file) == asked)
            #expect(try IdentityFile.read(file) == "two")
        }
    }

    @Test(
        "a new content belongs to whom the old one did, as etcd's key does after a renewal",
        .enabled(if: geteuid() == 0))
    func owner() async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/key.pem"
            try IdentityFile.write("one", to: file, mode: 0o600)
            try #require(chown(file, 65_533, 65_532) == 0)
            try IdentityFile.write("two", to: file, mode: 0o600)
            var info = stat()
            try #require(stat(file, &info) == 0)
            #expect(info.st_uid == 65_533 && info.st_gid == 65_532)
            #expect(try mode(file) == 0o600)
        }
    }

    @Test("a folder is its owner's alone, also when it was there before")
    func folders() async throws {
        try await withTemporaryFolder { folder in
            try IdentityFile.makeFolder("\(folder)/a/b/c")
            #expect(try mode("\(folder)/a/b/c") == 0o700)
            try #require(chmod("\(folder)/a/b/c", 0o755) == 0)
            try IdentityFile.makeFolder("\(folder)/a/b/c")
            #expect(try mode("\(folder)/a/b/c") == 0o700)
            // Those above it are made for everybody to pass, and not touched when they exist.
            try #require(chmod("\(folder)/a", 0o750) == 0)
            try IdentityFile.makeFolder("\(folder)/a/d")
            #expect(try mode("\(folder)/a") == 0o750)

            try IdentityFile.write("", to: "\(folder)/file", mode: 0o644)
            let error = #expect(throws: IdentityError.self) { try IdentityFile.makeFolder("\(folder)/file/x") }
            #expect(error?.code == .file)
        }
    }

    @Test(
        "a secret that others may read, write or run is not read",
        arguments: [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o777] as [mode_t])
    func openSecret(bits: mode_t) async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/key.pem"
            try IdentityFile.write("very secret", to: file, mode: IdentityFile.secretMode)
            try #require(chmod(file, bits) == 0)
            let error = #expect(throws: IdentityError.self) { try IdentityFile.read(file, isSecret: true) }
            #expect(error?.code == .file)
            #expect(error?.message.contains(file) == true)
            #expect(error?.message.contains("chmod 600") == true)
            #expect(error?.message.contains("very secret") == false)
            #expect(try IdentityFile.read(file) == "very secret")
        }
    }

    @Test("a secret that only its owner may read is read", arguments: [0o600, 0o400, 0o700] as [mode_t])
    func closedSecret(bits: mode_t) async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/key.pem"
            try IdentityFile.write("very secret", to: file, mode: IdentityFile.secretMode)
            try #require(chmod(file, bits) == 0)
            #expect(try IdentityFile.read(file, isSecret: true) == "very secret")
        }
    }

    @Test("a new content takes the old one's place at once: who has the old file open keeps the whole of it")
    func replacement() async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/a"
            let old = String(repeating: "old ", count: 10_000)
            let new = String(repeating: "new ", count: 20_000)
            try IdentityFile.write(old, to: file, mode: 0o600)
            let reader = open(file, O_RDONLY | O_CLOEXEC)
            try #require(reader >= 0)
            defer { close(reader) }
            try IdentityFile.write(new, to: file, mode: 0o600)
            var bytes = [UInt8](repeating: 0, count: old.utf8.count + 1)
            var count = 0
            while true {
                let got = bytes.withUnsafeMutableBytes { buffer in
                    read(reader, buffer.baseAddress?.advanced(by: count), buffer.count - count)
                }
                guard got > 0 else { break }
                count += got
            }
            #expect(String(decoding: bytes[..<count], as: UTF8.self) == old)
            #expect(try IdentityFile.read(file) == new)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
        }
    }

    @Test("readers see the old content or the new one while it is replaced again and again")
    func readers() async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/a"
            let contents = ["a", "b"].map { String(repeating: $0, count: 50_000) }
            try IdentityFile.write(contents[0], to: file, mode: 0o600)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { @concurrent in
                    for turn in 0..<60 { try IdentityFile.write(contents[turn % 2], to: file, mode: 0o600) }
                }
                group.addTask { @concurrent in
                    for _ in 0..<200 {
                        let seen = try IdentityFile.read(file, isSecret: true)
                        #expect(contents.contains(seen), "\(seen.utf8.count) bytes that nobody wrote")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a user's own file beside the one that is written is left alone")
    func neighbours() async throws {
        try await withTemporaryFolder { folder in
            let (file, neighbour) = ("\(folder)/cluster.json", "\(folder)/cluster.json.new")
            for text in ["one", "two"] {
                try IdentityFile.write("mine", to: neighbour, mode: 0o644)
                try IdentityFile.write(text, toNamed: file, mode: 0o600)
                #expect(try IdentityFile.read(neighbour) == "mine")
                #expect(try IdentityFile.read(file, isSecret: true) == text)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
        }
    }

    @Test("what a user names and is no regular file is written through, and stays what it is")
    func specialFiles() async throws {
        try await withTemporaryFolder { folder in
            let pipe = "\(folder)/pipe"
            try #require(mkfifo(pipe, 0o600) == 0)
            // Opened for both ends, so that neither waits for the other.
            let end = open(pipe, O_RDWR)
            try #require(end >= 0)
            defer { close(end) }
            try IdentityFile.write("through", toNamed: pipe, mode: 0o600)
            var info = stat()
            #expect(lstat(pipe, &info) == 0 && info.st_mode & S_IFMT == S_IFIFO)
            var bytes = [UInt8](repeating: 0, count: 16)
            #expect(read(end, &bytes, bytes.count) == 7)
            #expect(String(decoding: bytes[..<7], as: UTF8.self) == "through")

            let error = #expect(throws: IdentityError.self) {
                try IdentityFile.write("x", toNamed: folder, mode: 0o600)
            }
            #expect(error?.message.hasSuffix("Is a directory") == true)
            #expect(throws: IdentityError.self) { try IdentityFile.checkWritable(folder) }
        }
    }

    @Test("a file that a shell has opened to all is closed before a secret goes into it, and nothing else is changed")
    func openedByShell() async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/ci.json"
            let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            for (before, after) in [(0o644, 0o600), (0o666, 0o600), (0o400, 0o400), (0o755, 0o600)]
                as [(UInt32, UInt32)]
            {
                try #require(fchmod(descriptor, before) == 0)
                IdentityFile.restrict(descriptor, to: IdentityFile.secretMode)
                #expect(try mode(file) == after)
            }
            try #require(fchmod(descriptor, 0o644) == 0)
            try IdentityFile.write("secret", toNamed: "/dev/fd/\(descriptor)", mode: IdentityFile.secretMode)
            #expect(try IdentityFile.read(file, isSecret: true) == "secret")

            let pipe = "\(folder)/pipe"
            try #require(mkfifo(pipe, 0o600) == 0 && chmod(pipe, 0o666) == 0)
            let end = open(pipe, O_RDWR | O_CLOEXEC)
            try #require(end >= 0)
            defer { close(end) }
            IdentityFile.restrict(end, to: IdentityFile.secretMode)
            #expect(try mode(pipe) == 0o666)
        }
    }

    @Test("a link that a user names is followed and stays, also to a file that is not there yet")
    func namedLinks() async throws {
        try await withTemporaryFolder { folder in
            let (target, link) = ("\(folder)/target", "\(folder)/link")
            try #require(symlink(target, link) == 0)
            for text in ["new", "again"] {
                try IdentityFile.checkWritable(link)
                try IdentityFile.write(text, toNamed: link, mode: 0o600)
                #expect(try IdentityFile.read(target, isSecret: true) == text)
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
            }
        }
    }

    @Test("where nothing can be written is known before anything is made")
    func unwritable() async throws {
        try await withTemporaryFolder { folder in
            let error = #expect(throws: IdentityError.self) {
                try IdentityFile.checkWritable("\(folder)/none/ada.json")
            }
            #expect(error?.message == "cannot write \(folder)/none/ada.json: No such file or directory")
            try IdentityFile.checkWritable("\(folder)/ada.json")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("a link that somebody laid in the way is not followed")
    func links() async throws {
        try await withTemporaryFolder { folder in
            let (victim, file) = ("\(folder)/victim", "\(folder)/key.pem")
            try IdentityFile.write("untouched", to: victim, mode: 0o644)
            try #require(symlink(victim, file) == 0)
            try IdentityFile.write("three", to: file, mode: 0o600)
            #expect(try IdentityFile.read(victim) == "untouched")
            #expect(try mode(victim) == 0o644)
            #expect(try IdentityFile.read(file, isSecret: true) == "three")
        }
    }

    @Test("what cannot be read or written is named, with the reason")
    func failures() async throws {
        try await withTemporaryFolder { folder in
            let missing = #expect(throws: IdentityError.self) { try IdentityFile.read("\(folder)/none") }
            #expect(missing?.code == .file)
            #expect(missing?.message == "cannot read \(folder)/none: No such file or directory")
            let directory = #expect(throws: IdentityError.self) { try IdentityFile.read(folder) }
            #expect(directory?.code == .file)
            let nowhere = #expect(throws: IdentityError.self) {
                try IdentityFile.write("x", to: "\(folder)/none/a", mode: 0o600)
            }
            #expect(nowhere?.message.contains("No such file or directory") == true)
            #expect(nowhere?.isTransient == false)
            try write(String(repeating: "x", count: 1 << 20), to: "\(folder)/large")
            #expect(try IdentityFile.read("\(folder)/large").utf8.count == 1 << 20)
            try write(String(repeating: "x", count: 1 << 20 + 1), to: "\(folder)/large")
            let large = #expect(throws: IdentityError.self) { try IdentityFile.read("\(folder)/large") }
            #expect(large?.code == .file)
        }
    }
}
