// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import HTTPTransport
import Testing

@testable import Agent
@testable import NodeAgent

@Suite("what the host says")
struct HostTests {
    private static let digits = "0123456789abcdef0123456789abcdef"

    @Test("the machine's id comes from its file")
    func machineID() throws {
        let folder = try TemporaryFolder()
        try HostFiles.write(Self.digits + "\n", to: folder.path + "/machine-id")
        let identity = try HostIdentity(machineIDFile: folder.path + "/machine-id")
        #expect(identity.id.rawValue == Self.digits)
        #expect(identity.bootID.count == 36)
        #expect(!identity.hostName.isEmpty)
        #expect(identity.capacity.processors > 0 && identity.capacity.memory > 0)
    }

    @Test(
        "a machine-id file without an id is refused with the way to make one",
        arguments: ["", "\n", "uninitialized\n", "0123", digits + "0", digits.uppercased(), "\(digits)\n\(digits)"])
    func badMachineID(_ text: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/machine-id"
        try HostFiles.write(text, to: path)
        let error = try #require(throws: HostError.self) { try HostIdentity(machineIDFile: path) }
        #expect(
            error.message == "\(path) does not hold 32 hexadecimal digits; make one with systemd-machine-id-setup")
    }

    @Test("an id of zeros is none")
    func nullMachineID() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/machine-id"
        try HostFiles.write(String(repeating: "0", count: 32) + "\n", to: path)
        let error = try #require(throws: HostError.self) { try HostIdentity(machineIDFile: path) }
        #expect(error.message.hasPrefix("\(path) holds zeros alone"))
    }

    @Test("a missing machine-id file is named with the reason")
    func missingMachineID() throws {
        let error = try #require(throws: HostError.self) { try HostIdentity(machineIDFile: "/nowhere/machine-id") }
        #expect(error.message == "cannot read /nowhere/machine-id: No such file or directory")
    }

    @Test("an address that no interface has is refused with those that there are")
    func foreignAddress() throws {
        let error = try #require(throws: HostError.self) { try NetworkAddresses.check("192.0.2.77") }
        #expect(error.message.hasPrefix("public-ip 192.0.2.77 is on no interface of this machine ("))
        #expect(error.message.hasSuffix("; set it to one of this machine's, or bring the interface up"))
        for address in NetworkAddresses.all where address != "127.0.0.1" && address != "::1" {
            #expect(error.message.contains(address))
        }
    }

    @Test("an address of this machine is accepted, and is the source towards itself")
    func ownAddress() throws {
        try NetworkAddresses.check("127.0.0.1")
        #expect(NetworkAddresses.source(towards: "127.0.0.1", port: 2379) == "127.0.0.1")
        #expect(NetworkAddresses.source(towards: "no such host", port: 2379) == nil)
    }

    @Test("a file is replaced whole, and what stands in the way is told")
    func files() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/file"
        try HostFiles.write("old, and longer", to: path)
        try HostFiles.write("new", to: path)
        #expect(try HostFiles.read(path) == "new")
        #expect(HostFiles.names(in: folder.path) == ["file"])
        try HostFiles.remove(path)
        try HostFiles.remove(path)
        let error = try #require(throws: HostError.self) { try HostFiles.write("x", to: "/nowhere/file") }
        #expect(error.message == "cannot write /nowhere/file.new: No such file or directory")
    }
}
