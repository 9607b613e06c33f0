// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Testing

@testable import Agent
@testable import NodeAgent

@Suite("folder of unit files")
struct UnitFolderTests {
    private let base: TemporaryFolder
    private let web = UnitName(unchecked: "web.service")
    private let kept = UnitName(unchecked: "kept@1.service")

    init() throws { base = try TemporaryFolder() }

    private func open(
        isGuarded: Bool = true, service: String? = "node-agent.service", search: [String] = ["machine"]
    ) async throws -> UnitFolder {
        let folder = UnitFolder(
            folder: base.path + "/units", searchFolder: base.path + "/system",
            searchPath: search.map { base.path + "/" + $0 },
            dropIns: UnitDropIns(isGuarded: isGuarded, agentService: service))
        try await folder.prepare()
        return folder
    }

    private func keptFile() throws -> UnitFile { try .service("1", more: "[X-Fleet]\nOnDisconnect=keep\n") }

    @Test("a unit is written with a drop-in that binds it to the guard and orders it after the agent")
    func fenced() async throws {
        let folder = try await open()
        let file = try UnitFile.service("1")
        let (installed, isReplacement) = try await folder.write(file, for: web)
        #expect(installed == InstalledFile(unit: web, hash: file.hash, isKept: false))
        #expect(!isReplacement)
        #expect(base.text("units/web.service") == file.text)
        let lines = try #require(base.text("system/web.service.d/50-flotilla.conf")).split(separator: "\n")
        #expect(
            lines == [
                "[Unit]", "BindsTo=flotilla-guard.service", "After=flotilla-guard.service",
                "After=flotilla-units.target",
            ])
        #expect(await folder.path(of: web) == base.path + "/units/web.service")
    }

    @Test("what the folder holds is the same after a restart, byte order mark and comments included")
    func wholeText() async throws {
        let file = try UnitFile(parsing: "\u{FEFF}# a\r\n# c \\\r\n" + UnitFile.service("1").text)
        let (written, _) = try await open().write(file, for: web)
        #expect(written.hash == ContentHash(of: file.text))
        #expect(try await open().files() == [written])
    }

    @Test("what an agent of version 0.1 has started keeps the name that its file had then")
    func formerHash() async throws {
        let file = try UnitFile(parsing: "# c\n" + UnitFile.service("1").text)
        let folder = try await open()
        _ = try await folder.write(file.named(file.canonicalHash), for: web)
        try await folder.note(web, started: file.canonicalHash)
        let found = try #require(try await open().files().first)
        #expect(found.hash == file.canonicalHash)
        #expect(found.startedHash == file.canonicalHash)
    }

    @Test("a unit that is kept is not bound to the guard")
    func keptUnit() async throws {
        let folder = try await open()
        let (installed, _) = try await folder.write(try keptFile(), for: kept)
        #expect(installed.isKept)
        #expect(base.text("system/kept@1.service.d/50-flotilla.conf") == "[Unit]\nAfter=flotilla-units.target\n")
        _ = try await folder.write(try .service("1"), for: web)
        #expect(await folder.fencedUnits() == [web])
    }

    @Test("without guard and service there is no drop-in, and one from before goes")
    func noDropIn() async throws {
        _ = try await open().write(try .service("1"), for: web)
        let folder = try await open(isGuarded: false, service: nil)
        let (_, isReplacement) = try await folder.write(try .service("2"), for: web)
        #expect(isReplacement)
        #expect(!base.exists("system/web.service.d/50-flotilla.conf"))
        #expect(base.text("units/web.service") == "[Service]\nExecStart=/bin/sleep 2\n")
    }

    @Test("after a restart the folder is known as it was")
    func scan() async throws {
        let former = try await open()
        let first = try await former.write(try .service("1"), for: web).file
        let second = try await former.write(try keptFile(), for: kept).file
        #expect(await former.files() == [second, first])
        let folder = try await open()
        #expect(await folder.files() == [second, first])
        let (_, isReplacement) = try await (try await open()).write(try .service("2"), for: web)
        #expect(isReplacement)
    }

    @Test("the folder remembers from which file a unit was started")
    func startNotes() async throws {
        let former = try await open()
        let first = try await former.write(try .service("1"), for: web).file
        try await former.note(web, started: first.hash)
        let second = try await former.write(try .service("2"), for: web).file
        #expect(second.startedHash == first.hash)
        let next = try await open()
        #expect(await next.file(of: web) == second)
        try await next.note(web, started: nil)
        #expect(await next.file(of: web)?.startedHash == nil)
        #expect(await (try await open()).file(of: web)?.startedHash == nil)
        try await next.note(web, started: second.hash)
        try HostFiles.write("", to: base.path + "/units.started/web.service")
        #expect(await (try await open()).file(of: web)?.startedHash == second.hash, "a note of an earlier version")
        try await next.remove(web)
        #expect(!base.exists("units.started/web.service"))
    }

    @Test("a unit that lacks something is found at every other look, and is new until it has been whole again")
    func damaged() async throws {
        let folder = try await open()
        _ = try await folder.write(try .service("1"), for: web)
        let link = base.path + "/system/web.service"
        for _ in 1...2 {
            try HostFiles.link(link, to: base.path + "/units/web.service")
            #expect(await folder.damaged().units.isEmpty)
            #expect(await !folder.isMissing(web))
            try HostFiles.remove(link)
            #expect(await folder.isMissing(web))
            var found: [[UnitName]] = []
            var new: [[UnitName]] = []
            for _ in 1...6 {
                let look = await folder.damaged()
                found.append(look.units)
                new.append(look.new)
            }
            #expect(found == [[], [web], [], [web], [], [web]])
            #expect(new == [[], [web], [], [], [], []])
        }
    }

    @Test("removal takes file, link and drop-in")
    func removal() async throws {
        let folder = try await open()
        _ = try await folder.write(try .service("1"), for: web)
        try FileManager.default.createSymbolicLink(
            atPath: base.path + "/system/web.service", withDestinationPath: base.path + "/units/web.service")
        try await folder.remove(web)
        #expect(await folder.files().isEmpty)
        #expect(HostFiles.names(in: base.path + "/units").isEmpty)
        #expect(HostFiles.names(in: base.path + "/system") == [UnitDropIns.target])
        try await folder.remove(web)
    }

    @Test("removal leaves the drop-ins of others")
    func foreignDropIn() async throws {
        let folder = try await open()
        _ = try await folder.write(try .service("1"), for: web)
        let other = base.path + "/system/web.service.d/90-operator.conf"
        try HostFiles.write("[Service]\nNice=5\n", to: other)
        try await folder.remove(web)
        #expect(HostFiles.names(in: base.path + "/system/web.service.d") == ["90-operator.conf"])
    }

    @Test("what is no readable unit file is left alone and left out")
    func unreadable() async throws {
        let folder = try await open()
        let units = base.path + "/units"
        try HostFiles.write("ExecStart=before any section\n", to: units + "/broken.service")
        try HostFiles.write("half of it", to: units + "/web.service.new")
        try HostFiles.write("[Service]\n", to: units + "/no-unit")
        try Data([0x5B, 0xFF, 0xFE]).write(to: URL(filePath: units + "/binary.service"))
        try HostFiles.makeFolder(units + "/folder.service")
        let names = HostFiles.names(in: units)
        #expect(await folder.files().isEmpty)
        #expect(HostFiles.names(in: units) == names)
    }

    @Test(
        "a name that the machine has a unit by is refused, and nothing of the unit is left",
        arguments: [
            "machine/web.service", "system/web.service",
        ])
    func takenName(path: String) async throws {
        let folder = try await open()
        try HostFiles.makeFolder(base.path + "/machine")
        try HostFiles.write("[Service]\n", to: base.path + "/" + path)
        let error = await #expect(throws: HostError.self) { try await folder.write(try .service("1"), for: web) }
        #expect(error?.message.contains("a unit web.service of its own, \(base.path)/\(path)") == true)
        #expect(!base.exists("units/web.service") && !base.exists("system/web.service.d"))
        #expect(await folder.files().isEmpty)
        // What is not ours stays, also when a unit of that name is taken away.
        try await folder.remove(web)
        #expect(base.text(path) == "[Service]\n")
    }

    @Test("an instance of a template of the machine's, and a mask, are the machine's as well")
    func takenTemplate() async throws {
        let folder = try await open()
        try HostFiles.makeFolder(base.path + "/machine")
        try HostFiles.write("[Service]\n", to: base.path + "/machine/kept@.service")
        try HostFiles.link(base.path + "/system/web.service", to: "/dev/null")
        await #expect(throws: HostError.self) { try await folder.write(try .service("1"), for: kept) }
        await #expect(throws: HostError.self) { try await folder.write(try .service("1"), for: web) }
        try await folder.remove(web)
        #expect(HostFiles.target(of: base.path + "/system/web.service") == "/dev/null")
    }

    @Test("a mask that our link would override is refused; systemd itself tells of one that comes first")
    func masks() async throws {
        let folder = try await open(search: ["etc", "system", "vendor"])
        for place in ["etc", "vendor"] {
            try HostFiles.makeFolder(base.path + "/" + place)
            try HostFiles.link("\(base.path)/\(place)/\(place).service", to: "/dev/null")
        }
        _ = try await folder.write(try .service("1"), for: UnitName(unchecked: "etc.service"))
        let vendor = UnitName(unchecked: "vendor.service")
        let error = await #expect(throws: HostError.self) { try await folder.write(try .service("1"), for: vendor) }
        #expect(error?.message.contains("masks vendor.service by \(base.path)/vendor/vendor.service") == true)
        #expect(!base.exists("units/vendor.service"))
    }

    @Test("links of an [Install] section are made, are ours alone, and go with the unit")
    func installLinks() async throws {
        let folder = try await open()
        let file = try UnitFile.service(
            "1", more: "[Install]\nAlias=db.service\nWantedBy=multi-user.target main@%p.service\nAlso=back.service\n")
        let (installed, _) = try await folder.write(file, for: web)
        #expect(installed.isInstallable)
        let first = await folder.enable([installed])
        #expect(first.isChanged && first.refusals.isEmpty)
        #expect(HostFiles.target(of: base.path + "/system/db.service") == "web.service")
        for target in ["multi-user.target", "main@web.service"] {
            #expect(HostFiles.target(of: base.path + "/system/\(target).wants/web.service") == "../web.service")
        }
        #expect(await !folder.enable([installed]).isChanged)
        // Somebody else's link of another unit stays, with its folder.
        try HostFiles.link(base.path + "/system/multi-user.target.wants/back.service", to: "../back.service")
        #expect(try await folder.disable([web]))
        #expect(!base.exists("system/db.service") && !base.exists("system/main@web.service.wants"))
        #expect(HostFiles.names(in: base.path + "/system/multi-user.target.wants") == ["back.service"])
    }

    @Test("an alias that is another unit's name is refused")
    func takenAlias() async throws {
        let folder = try await open()
        let db = UnitName(unchecked: "db.service")
        _ = try await folder.write(try .service("1"), for: db)
        let file = try UnitFile.service("1", more: "[Install]\nAlias=db.service\n")
        let error = await #expect(throws: HostError.self) { try await folder.write(file, for: web) }
        #expect(error?.message.contains("db.service") == true)
    }

    @Test("a unit that refuses to be stopped by hand lets the agent stop it")
    func refusesStop() async throws {
        let folder = try await open(isGuarded: false)
        let file = try UnitFile(parsing: "[Unit]\nRefuseManualStop=yes\n[Service]\nExecStart=/bin/true\n")
        _ = try await folder.write(file, for: web)
        #expect(base.text("system/web.service.d/50-flotilla.conf")?.contains("RefuseManualStop=no\n") == true)
    }

    @Test("a note that cannot be written is an error: the unit may not be started")
    func refusedNote() async throws {
        let folder = try await open()
        let installed = try await folder.write(try .service("1"), for: web).file
        try HostFiles.makeFolder(base.path + "/units.started/web.service.new")
        await #expect(throws: HostError.self) { try await folder.note(web, started: installed.hash) }
        #expect(await folder.file(of: web)?.startedHash == nil)
    }
}
