// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetCore
import FoundationEssentials
import Registry
import TestSupport
import Testing

@testable import Agent
@testable import NodeAgent

/// A machine that is no longer as it was when it joined: its clock, its addresses.
@Suite("machines that drift", .timeLimit(.minutes(2)))
struct DriftTests {
    @Test(
        "a clock that is off is told of with its size and what to do, in words that stay the same for a while",
        arguments: [
            (0, false, nil), (59, false, nil), (-59, false, nil), (60, false, "a minute or so ahead of"),
            (45, true, "a minute or so ahead of"), (29, true, nil), (-600, false, "10 minutes behind"),
            (7_200, false, "2 hours ahead of"), (86_400 * 20 + 500, false, "20 days ahead of"),
            (.min, false, "106751991167300 days behind"),
        ] as [(Int64, Bool, String?)])
    func clockWords(error: Int64, isTold: Bool, span: String?) {
        let words = ClockTrouble.words(error, isTold: isTold)
        #expect((words == nil) == (span == nil))
        if let span, let words {
            #expect(words.hasPrefix("its clock is \(span) etcd's; "))
            #expect(words.contains("timedatectl set-ntp true"))
        }
    }

    @Test("a store whose certificate is refused for its dates is told with the time here, and what to do")
    func clockAdvice() {
        let now: Int64 = 1_858_470_000_000
        for words in ["certificate has expired", "certificate is not yet valid"] {
            let advice = ClockTrouble.advice(on: "SSL certificate problem: \(words)", now: now)
            #expect(advice.contains("says 2028-11-22T01:40:00Z: ") && advice.contains("timedatectl set-ntp true"))
        }
        #expect(ClockTrouble.advice(on: "SSL certificate problem: self-signed certificate", now: now).isEmpty)
    }

    @Test("a certificate that is due again at once is not renewed again at once")
    func pace() {
        #expect(RenewalPace.pause(after: .notDue) == .seconds(5))
        #expect(RenewalPace.pause(after: .renewed(isDueAgain: false)) == .seconds(5))
        #expect(RenewalPace.pause(after: .failed) >= .seconds(60))
        #expect(RenewalPace.pause(after: .renewed(isDueAgain: true)) >= .seconds(3_600))
    }

    @Test("a machine whose clock is weeks off says so in its record, from the first one on")
    func clock() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run(clockAhead: 20 * 86_400) { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            let records = try await rig.registry().machines()
            #expect(records.count == 1)
            #expect(records[0].trouble.hasPrefix("its clock is 20 days ahead of etcd's; "), "\(records)")
            #expect(notes.words.contains { $0.hasPrefix("in the cluster, but its clock is 20 days ahead") })
            #expect(notes.entered.count == 1, "and nothing is written again for it")
        }
        try await rig.run { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            #expect(try await rig.registry().machines().map(\.trouble) == [""])
        }
    }

    @Test("another address is announced within the session, with what is wrong, and the same one again writes nothing")
    func address() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            await shell.announce("192.0.2.1", trouble: nil)
            #expect(notes.entered.count == 1)
            await shell.announce("192.0.2.7", trouble: nil)
            #expect(try await rig.registry().machines().map(\.address) == ["192.0.2.7"])
            await shell.announce("192.0.2.7", trouble: "gone")
            await shell.announce("192.0.2.7", trouble: "gone")
            let record = try required(try await rig.registry().machines().first)
            #expect(record.trouble == "gone" && record.address == "192.0.2.7")
            #expect(notes.entered.count == 3 && notes.fences.isEmpty)
            #expect(Set(notes.entered.map(\.lease)).count == 1)
            let now = try required(try await rig.record())
            #expect(now.modRevision == notes.entered.last?.recordRevision)
        }
    }

    @Test(
        "what is wrong with a machine's settings stays in its record, whatever else comes and goes, and closes it for nobody"
    )
    func standing() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.running(), ttl: 600)
        try await rig.run(trouble: "insecure is on") { shell, notes in
            try await until("entering") { !notes.entered.isEmpty }
            func record() async throws -> MachineRecord { try required(try await rig.registry().machines().first) }
            #expect(try await record().trouble == "insecure is on")
            await shell.announce("192.0.2.1", trouble: "gone")
            #expect(try await record().trouble == "gone; insecure is on")
            await shell.announce("192.0.2.1", trouble: nil)
            let last = try await record()
            #expect(last.trouble == "insecure is on" && !last.isClosed)
        }
    }

    private func address(
        _ configured: String, has present: [String], route: String? = "10.0.0.9"
    ) -> PublicAddress {
        PublicAddress(
            configured: configured, endpoints: ["http://etcd-1:2379", "https://[fd00::2]:2379"],
            present: { present }, source: { host, port in host == "fd00::2" && port == 2379 ? route : nil })
    }

    @Test("the address that is set counts while the machine has it, else the one towards etcd, and that is told")
    func publicAddress() throws {
        let kept = try address("10.0.0.5", has: ["127.0.0.1", "10.0.0.5"]).find()
        #expect(kept.address == "10.0.0.5" && kept.trouble == nil)
        let free = try address("", has: ["10.0.0.9"]).find()
        #expect(free.address == "10.0.0.9" && free.trouble == nil)
        let gone = try address("10.0.0.5", has: ["127.0.0.1", "10.0.0.9"]).find()
        #expect(gone.address == "10.0.0.9")
        #expect(
            gone.trouble
                == "public-ip 10.0.0.5 is on no interface of it any more, so it announces 10.0.0.9; set public-ip anew")
        func refusal(_ configured: String, has present: [String]) -> String? {
            let setting = address(configured, has: present, route: nil)
            let error = #expect(throws: HostError.self) { try setting.find() }
            return error?.message
        }
        let noRoute = "no route leads to etcd (http://etcd-1:2379, https://[fd00::2]:2379)"
        #expect(
            refusal("", has: [])
                == "\(noRoute), so this machine's public address is unknown; set public-ip, or check etcd-endpoints")
        let advice = "bring the interface up, or check public-ip and etcd-endpoints"
        #expect(
            refusal("10.0.0.5", has: ["127.0.0.1", "::1"])
                == "public-ip 10.0.0.5 is on no interface of this machine (none is up but loopback), and \(noRoute); \(advice)"
        )
        #expect(
            refusal("10.0.0.5", has: ["127.0.0.1", "10.0.0.9"])
                == "public-ip 10.0.0.5 is on no interface of this machine (there are: 10.0.0.9), and \(noRoute); \(advice)"
        )
    }

    @Test("a listener at an address that went costs its own callers alone")
    func listeners() throws {
        let wanted = try [
            "unix:/run/a.sock", "tls:10.0.0.5:1", "tls:10.0.0.9:1", "tcp:127.0.0.1:1", "tls:0.0.0.0:2", "tls:me:1",
        ]
        .map { try APIEndpoint($0) }
        let drifted = address("", has: ["10.0.0.9", "127.0.0.1"])
        #expect(
            try #require(drifted.trouble(of: wanted)).hasPrefix(
                "its API does not answer at tls:10.0.0.5:1, an address on no interface"))
        #expect(wanted.filter { drifted.trouble(of: [$0]) != nil } == [wanted[1]])
        #expect(address("", has: ["10.0.0.5", "10.0.0.9"]).trouble(of: wanted) == nil)
    }
}
