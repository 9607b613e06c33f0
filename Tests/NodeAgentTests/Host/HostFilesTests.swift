// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

@Suite("files of the machine") struct HostFilesTests {
    private let base: TemporaryFolder

    init() throws { base = try TemporaryFolder() }

    @Test("a file that is rewritten keeps room for the next time, and its reader finds one text whole")
    func rewrite() throws {
        let path = base.path + "/session.json"
        for text in ["{\"lease\":1}", String(repeating: "x", count: 5000), "{\"lease\":2}"] {
            try HostFiles.rewrite(text, at: path)
            let found = try HostFiles.read(path)
            #expect(found.hasPrefix(text) && found.dropFirst(text.count).allSatisfy { $0 == " " })
            #expect(found.utf8.count % 4096 == 0)
        }
        #expect(base.exists("session.json.spare"))
    }

    @Test("what cannot be read is said as it is: a folder, bytes that are no text, a file that is not there")
    func unreadable() throws {
        let path = base.path + "/bytes"
        try #require(FileManager.default.createFile(atPath: path, contents: Data([0xFF, 0xFE])))
        let reasons = [
            (base.path, "it is a folder; name a file in it"), (path, "it is not UTF-8 text"),
            (base.path + "/none", "No such file or directory"),
        ]
        for (path, reason) in reasons {
            let error = #expect(throws: HostError.self) { try HostFiles.read(path) }
            #expect(error?.message == "cannot read \(path): \(reason)")
        }
    }

    @Test(
        "a pipe and a device are read to their ends where an operator names them, and refused where the agent looks itself"
    )
    func streams() throws {
        var ends: [Int32] = [-1, -1]
        let made = pipe(&ends)
        try #require(made == 0)
        // What a test beside this one starts must not hold the end to write to.
        try #require(fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0)
        defer { close(ends[0]) }
        let text = "log-level=debug\n"
        let written = write(ends[1], text, text.utf8.count)
        #expect(written == text.utf8.count)
        close(ends[1])
        #expect(try HostFiles.read("/dev/fd/\(ends[0])", takesStreams: true) == text)
        #expect(try HostFiles.read("/dev/null", takesStreams: true).isEmpty)
        let endless = #expect(throws: HostError.self) { try HostFiles.read("/dev/zero", takesStreams: true) }
        #expect(endless?.message == "cannot read /dev/zero: it has more than 1 MiB")
        let fifo = base.path + "/fifo"
        try #require(mkfifo(fifo, 0o600) == 0)
        for path in [fifo, "/dev/null"] {
            let error = #expect(throws: HostError.self) { try HostFiles.read(path) }
            #expect(error?.message == "cannot read \(path): it is no regular file")
        }
    }

    @Test("the way to a file names every link on it and where they lead, and ends where links go round")
    func way() throws {
        let top = try HostFiles.resolve(base.path)
        for folder in ["build", "opt/1"] { try HostFiles.makeFolder("\(top)/\(folder)") }
        try HostFiles.write("x", to: top + "/build/agent")
        try HostFiles.link(top + "/opt/1/agent", to: "../../build/./agent")
        try HostFiles.link(top + "/opt/current", to: top + "/opt/1")
        let found = HostFiles.way(to: top + "/opt/current/agent")
        let end = try HostFiles.resolve(top + "/opt/current/agent")
        #expect(
            found == [
                "\(top)/opt/current/agent", "\(top)/opt/current", "\(top)/opt/1/agent", "\(top)/build/agent",
            ])
        #expect(found.last == end)
        try HostFiles.link(top + "/round", to: "round")
        #expect(Set(HostFiles.way(to: top + "/round")) == ["\(top)/round"])
    }

    @Test(
        "a machine whose folder takes no files names the file, and what helps where that is known",
        arguments: [
            (StorageFault.full, "; make room there"), (.readOnly, "; mount that file system writable"), (.broken, ""),
            (nil, ""),
        ] as [(StorageFault?, String)])
    func trouble(fault: StorageFault?, advice: String) {
        let error = HostError("cannot write /run/flotilla/units/a: no", storage: fault)
        #expect(
            AgentTrouble.words(of: error)
                == "it takes no new units, since its runtime folder takes no files (cannot write /run/flotilla/units/a: no)"
                + advice)
    }

    @Test("a machine whose folder takes small files alone says how large a file did not fit")
    func scarce() {
        let error = HostError("cannot write /run/flotilla/units/.probe.new: no", storage: .scarce)
        #expect(
            AgentTrouble.words(of: error)
                == "it takes no new units, since its runtime folder has no room for a unit file of 64 KiB "
                + "(cannot write /run/flotilla/units/.probe.new: no); make room there")
    }

    @Test("a saved session survives the padding of its file")
    func session() throws {
        let file = SessionFile(runtimeDirectory: base.path)
        var session = file.load(bootID: "boot", clockwork: MachineClockwork())
        session.lease = 7
        try file.store(session)
        session.lease = 8
        try file.store(session)
        #expect(file.load(bootID: "boot", clockwork: MachineClockwork()).lease == 8)
    }

    @Test("a write that fails leaves the old file and no new one")
    func failure() throws {
        let path = base.path + "/list"
        try HostFiles.write("old", to: path)
        try HostFiles.makeFolder(path + ".new")
        #expect(throws: HostError.self) { try HostFiles.write("new", to: path) }
        #expect(try HostFiles.read(path) == "old")
        rmdir(path + ".new")
        // What an earlier run, or somebody else, left there is replaced and not written through.
        try HostFiles.link(path + ".new", to: base.path + "/elsewhere")
        try HostFiles.write("new", to: path)
        #expect(try HostFiles.read(path) == "new" && !base.exists("elsewhere"))
    }
}
