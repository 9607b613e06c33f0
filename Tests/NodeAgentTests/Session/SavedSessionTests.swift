// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

@Suite("saved session")
struct SavedSessionTests {
    private let session = SavedSession(
        lease: .max, ttl: 7, proof: 123_456_789_012, bootID: "boot", token: "token", storeID: .max)

    @Test("what was stored is loaded in the same boot")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let file = SessionFile(runtimeDirectory: folder.path)
        try file.store(session)
        let loaded = file.load(bootID: "boot", clockwork: MachineClockwork())
        #expect(loaded.lease == .max && loaded.ttl == 7 && loaded.proof == 123_456_789_012)
        #expect(loaded.bootID == "boot" && loaded.token == "token" && loaded.storeID == .max)
        #expect(loaded.sessionLease == SessionLease(id: .max, ttl: 7))
    }

    @Test("the session of another boot counts for nothing")
    func otherBoot() throws {
        let folder = try TemporaryFolder()
        let file = SessionFile(runtimeDirectory: folder.path)
        try file.store(session)
        let loaded = file.load(bootID: "next boot", clockwork: MachineClockwork())
        #expect(loaded.sessionLease == nil && loaded.storeID == nil)
        #expect(loaded.bootID == "next boot")
        #expect(!loaded.token.isEmpty && loaded.token != "token")
    }

    @Test(
        "a damaged file is as good as none",
        arguments: ["", "{", "null", "[]", #"{"lease": 5}"#, #"{"lease":"x","ttl":1,"proof":1,"bootID":"boot"}"#])
    func damaged(_ text: String) throws {
        let folder = try TemporaryFolder()
        let file = SessionFile(runtimeDirectory: folder.path)
        try HostFiles.write(text, to: file.path)
        #expect(file.load(bootID: "boot", clockwork: MachineClockwork()).sessionLease == nil)
    }

    @Test("without a file there is no session, and each token is new")
    func missing() throws {
        let folder = try TemporaryFolder()
        let file = SessionFile(runtimeDirectory: folder.path)
        let first = file.load(bootID: "boot", clockwork: MachineClockwork())
        #expect(first.sessionLease == nil)
        #expect(first.token != file.load(bootID: "boot", clockwork: MachineClockwork()).token)
    }
}
