// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import FoundationEssentials
import Testing

@Suite("is-active and is-failed")
struct UnitQuestionTests {
    /// Units in every state that a script asks about; `wide` is global, down on one of its machines.
    private func fleet() throws -> FakeFleet {
        let (one, two) = (Fixtures.id("10"), Fixtures.id("11"))
        let up = try Fixtures.unit("up.service", machine: one)
        let bad = try Fixtures.unit("bad.service", machine: one)
        let loading = try Fixtures.unit("w@1.service", machine: one)
        let reloading = try Fixtures.unit("w@2.service", machine: two)
        let template = try Fixtures.unit("w@.service", .inactive)
        let nowhere = try Fixtures.unit("nowhere.service", reason: "no machine takes it")
        let named = try Fixtures.unit(
            "pg.service", machine: one, text: Fixtures.plainText + "[Install]\nAlias=db.service\n")
        let wide = try Fixtures.unit("wide.service", text: Fixtures.globalText)
        return FakeFleet(
            units: [up, bad, loading, reloading, template, nowhere, named, wide],
            states: [
                Fixtures.state(up, on: one), Fixtures.state(bad, on: one, "failed", "failed"),
                Fixtures.state(loading, on: one, "activating", "start"),
                Fixtures.state(reloading, on: two, "reloading", "reload"), Fixtures.state(named, on: one),
                Fixtures.state(wide, on: one), Fixtures.state(wide, on: two, "inactive", "dead"),
            ], runsUnits: false)
    }

    @Test(
        "is-active has systemctl's words, one a line, and its statuses",
        arguments: [
            ("up", "active\n", ClusterManager.ExitStatus.success), ("bad", "failed\n", .notActive),
            ("up bad", "active\nfailed\n", .success), ("bad up.service bad", "failed\nactive\nfailed\n", .success),
            ("w@1", "activating\n", .notActive), ("w@2", "reloading\n", .success),
            ("nowhere", "inactive\n", .notActive), ("nobody", "inactive\n", .unknownUnit),
            ("nobody nowhere", "inactive\ninactive\n", .notActive), ("nobody up", "inactive\nactive\n", .success),
            ("db", "active\n", .success), ("wide", "inactive\n", .notActive),
            ("w@*", "activating\nreloading\n", .success),
            ("zebra*", "", .notActive), ("zebra* up", "active\n", .success), ("--quiet up", "", .success),
            ("-q bad", "", .notActive), ("-q nobody", "", .unknownUnit),
        ])
    func active(arguments: String, words: String, status: ClusterManager.ExitStatus) async throws {
        let session = await Session.run("is-active \(arguments)", on: try fleet())
        #expect(session.output == words)
        #expect(session.status == status && session.errors.isEmpty, "\(session)")
    }

    @Test(
        "is-failed has systemctl's words, one a line, and its statuses",
        arguments: [
            ("bad", "failed\n", ClusterManager.ExitStatus.success), ("up", "active\n", .failure),
            ("up bad", "active\nfailed\n", .success), ("nobody", "inactive\n", .unknownUnit),
            ("nobody up", "inactive\nactive\n", .failure), ("zebra*", "", .failure), ("-q bad", "", .success),
        ])
    func failed(arguments: String, words: String, status: ClusterManager.ExitStatus) async throws {
        let session = await Session.run("is-failed \(arguments)", on: try fleet())
        #expect(session.output == words)
        #expect(session.status == status && session.errors.isEmpty, "\(session)")
    }

    @Test("the statuses are systemctl's numbers")
    func numbers() {
        #expect(ClusterManager.ExitStatus.notActive.rawValue == 3)
        #expect(ClusterManager.ExitStatus.unknownUnit.rawValue == 4)
    }

    @Test("a unit on several machines is active where it is so everywhere, and failed where it is so once")
    func severalMachines() async throws {
        let (one, two) = (Fixtures.id("10"), Fixtures.id("11"))
        let wide = try Fixtures.unit("wide.service", text: Fixtures.globalText)
        for (word, isActive, isFailed) in [
            ("active", true, false), ("failed", false, true), ("activating", false, false),
        ] {
            let fleet = FakeFleet(
                units: [wide], states: [Fixtures.state(wide, on: one), Fixtures.state(wide, on: two, word, "x")],
                runsUnits: false)
            #expect(await (Session.run("is-active wide", on: fleet).status == .success) == isActive, "\(word)")
            #expect(await (Session.run("is-failed wide", on: fleet).status == .success) == isFailed, "\(word)")
        }
        // One that moves still ends where it was.
        let web = try Fixtures.unit("web.service", machine: two)
        let moving = FakeFleet(
            units: [web], states: [Fixtures.state(web, on: one, "deactivating", "stop"), Fixtures.state(web, on: two)],
            runsUnits: false)
        #expect(await Session.run("is-active web", on: moving).output == "active\n")
    }

    private struct Answer: Decodable, Equatable {
        let unit: String
        let active: String
        let exists: Bool
    }

    @Test("JSON names each unit and whether it exists, and no status is an error there")
    func json() async throws {
        let session = await Session.run("is-active bad nobody --output json", on: try fleet())
        let answers = try JSONDecoder().decode([Answer].self, from: Data(session.output.utf8))
        #expect(
            answers == [
                Answer(unit: "bad.service", active: "failed", exists: true),
                Answer(unit: "nobody.service", active: "inactive", exists: false),
            ])
        #expect(session.status == .notActive && session.errors.isEmpty)
        #expect(await Session.run("is-active bad -q --output json", on: try fleet()).output.isEmpty)
    }

    @Test(
        "a cluster that does not answer is no answer, and wrong arguments are told",
        arguments: ["is-active", "is-failed"])
    func noAnswer(verb: String) async throws {
        try await Fixtures.withFolder { folder in
            let outcome = try await Command.run(
                [try Command.clusterManager, verb, "web", "--endpoint", "unix:\(folder)/nobody"])
            #expect(outcome.status == 2 && outcome.output.isEmpty && !outcome.errors.isEmpty, "\(outcome)")
        }
        for wrong in ["", "a/b/", "web[", "web --nope"] {
            let session = await Session.run("\(verb) \(wrong)", on: try fleet())
            #expect(
                session.status == .failure && session.output.isEmpty && !session.errors.isEmpty, "\(wrong): \(session)")
        }
    }
}
