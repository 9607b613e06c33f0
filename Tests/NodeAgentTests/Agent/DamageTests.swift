// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Glibc
import Systemd
import Testing

@testable import Agent
@testable import NodeAgent

/// What somebody removes or replaces of a unit on its machine (rules R1 and R3).
@Suite("units whose files and links somebody takes away", .timeLimit(.minutes(2)))
struct DamageTests {
    private let web = UnitName(unchecked: "web.service")
    private let file: UnitFile

    init() throws { file = try .service("1") }

    /// A machine on which the unit runs, and whose agent has ended.
    private func leftRunning() async throws -> AgentRig {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
        }
        return rig
    }

    @Test(
        "what is removed is put back, and the unit is left alone",
        arguments: ["[Install]\nWantedBy=a.target\nAlias=www.service\n", ""])
    func damage(section: String) async throws {
        let rig = try await AgentRig()
        let file = try UnitFile.service("1", more: section)
        try await rig.store(file)
        var paths = ["units/web.service", "system/web.service", "system/web.service.d/50-flotilla.conf"]
        if !section.isEmpty { paths += ["system/a.target.wants/web.service", "system/www.service"] }
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            for path in paths {
                // What was removed before is put back with all the rest.
                try await until("\(path) is removed") { unlink("\(rig.base.path)/\(path)") == 0 }
                try await until("\(path) is back") { rig.base.exists(path) }
            }
            #expect(rig.base.text("units/web.service") == file.text)
            try await rig.runs(web, file)
            #expect(await rig.units.calls.filter { $0.contains("start") } == ["start web.service"])
            try await rig.withdraw(web)
            try await until("it is gone") { try await rig.states().isEmpty }
            #expect(!rig.base.exists("system/web.service") && !rig.base.exists("system/a.target.wants/web.service"))
        }
    }

    /// What becomes of the machine between two runs of its agent.
    enum Loss: String, CaseIterable {
        case file, folder, link, note, all

        func happen(at base: String) throws {
            let (file, link, note) = (
                "\(base)/units/web.service", "\(base)/system/web.service", "\(base)/units.started/web.service"
            )
            switch self {
            case .file: #expect(unlink(file) == 0)
            case .folder: #expect(unlink(file) == 0 && rmdir("\(base)/units") == 0)
            case .link:
                #expect(unlink(link) == 0)
                try HostFiles.write("[Service]\nExecStart=/bin/other\n", to: link)
            case .note: #expect(unlink(note) == 0 && unlink(link) == 0)
            case .all: #expect(unlink(file) == 0 && unlink(link) == 0 && unlink(note) == 0)
            }
        }
    }

    @Test(
        "a unit that runs keeps its claim until it is down, whatever was lost before its order went",
        arguments: Loss.allCases)
    func lostAndWithdrawn(loss: Loss) async throws {
        let rig = try await leftRunning()
        try loss.happen(at: rig.base.path)
        try await rig.withdraw(web)
        try await rig.run { _ in
            try await until("the state's end") { try await rig.states().isEmpty }
            #expect(await !rig.units.isActive("web.service"))
            #expect(await rig.units.calls.contains("stop web.service"))
            #expect(!rig.base.exists("units.started/web.service"))
        }
    }

    @Test(
        "a unit that runs is installed anew and left alone, whatever was lost while there was no agent",
        arguments: [Loss.file, .folder, .note, .all])
    func lostAndOrdered(loss: Loss) async throws {
        let rig = try await leftRunning()
        try loss.happen(at: rig.base.path)
        try await rig.run { _ in
            try await until("it is whole") {
                rig.base.text("units/web.service") == file.text
                    && HostFiles.target(of: "\(rig.base.path)/system/web.service") != nil
            }
            try await rig.runs(web, file)
            #expect(await rig.units.calls.filter { $0.contains("start") } == ["start web.service"])
        }
    }

    @Test("what runs for another unit's sake and has lost its file is stopped when its order goes")
    func loadedAndLost() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file, .loaded)
            try await until("it is loaded") { try await rig.state(web)?.acted == .loaded }
            await rig.units.wake("web.service")
            try await until("it runs") { try await rig.state(web)?.active == "active" }
        }
        try Loss.file.happen(at: rig.base.path)
        try await rig.withdraw(web)
        try await rig.run { _ in
            try await until("the state's end") { try await rig.states().isEmpty }
            #expect(await !rig.units.isActive("web.service"))
        }
    }

    @Test("the folder of the units is made again, and all of them are put back")
    func folderGone() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            #expect(unlink("\(rig.base.path)/units/web.service") == 0 && rmdir("\(rig.base.path)/units") == 0)
            try await until("the file is back") { rig.base.text("units/web.service") == file.text }
            try await rig.runs(web, file)
            #expect(await rig.units.calls.filter { $0.contains("start") } == ["start web.service"])
        }
    }

    @Test(
        "a unit that systemd does not find when it is to start is put back and started, and nobody is told",
        arguments: ["units/web.service", "system/web.service"])
    func missing(path: String) async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file, .loaded)
            try await until("it is loaded") { try await rig.state(web)?.acted == .loaded }
            #expect(unlink("\(rig.base.path)/\(path)") == 0)
            try await rig.units.reload()
            try await rig.order(web, file)
            try await rig.runs(web, file)
            #expect(try await rig.state(web)?.health == nil)
            #expect(rig.base.exists(path))
            // A refusal would have been followed by more.
            #expect(await rig.units.calls.count { $0 == "start web.service" } <= 2)
        }
    }

    @Test("a unit that systemd does not find although it is whole is told of")
    func missingThoughWhole() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file, .loaded)
            try await until("it is loaded") { try await rig.state(web)?.acted == .loaded }
            #expect(unlink("\(rig.base.path)/system/web.service") == 0)
            let refusal = SystemdError(code: .noSuchUnit, message: "Unit web.service not found.")
            await rig.units.fail("start", "web.service", with: [refusal, refusal, refusal])
            try await rig.order(web, file)
            try await until("it is refused") { try await rig.state(web)?.health?.contains("not found") == true }
            try await rig.runs(web, file)
        }
    }

    @Test("what cannot be put back can be stopped")
    func stopsDamaged() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try Loss.link.happen(at: rig.base.path)
            try await until("it is refused") { try await rig.state(web)?.health?.contains("of its own") == true }
            try await rig.order(web, file, .loaded)
            try await until("it is stopped") { await !rig.units.isActive("web.service") }
        }
    }
}
