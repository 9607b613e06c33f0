// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import Synchronization
import Testing

@testable import ClusterManager

/// What is kept ready for who leaves before the answer to a change.
@Suite("changes without an answer")
struct PendingChangesTests {
    /// Keeps what is to be said.
    private final class Words: Sendable {
        private let words = Mutex<[String?]>([])

        var all: [String?] { words.withLock { $0 } }

        var changes: PendingChanges { PendingChanges { said in self.words.withLock { $0.append(said) } } }

        /// Tells of requests to this, and to nobody else.
        var observer: RequestObserver {
            RequestObserver(
                CapturedConsole().console.errors, patience: .init(silence: .seconds(3600)), changes: changes)
        }
    }

    private static func request(_ method: String, _ path: String) -> TransportRequest {
        TransportRequest(method: method, target: API.ownPrefix + path, deadline: .seconds(1))
    }

    @Test(
        "every request that changes something is one, and no other",
        arguments: [
            ("POST", "/machines/9f2c4e1a00/cordon", "9f2c4e1a... was cordoned"),
            ("POST", "/machines/9f2c4e1a00/uncordon", "9f2c4e1a... was uncordoned"),
            ("POST", "/machines/9f2c4e1a00/drain", "9f2c4e1a... was told to drain"),
            ("PUT", "/operations/drain-1", "operation drain-1 was begun"),
            ("POST", "/operations/drain-1/abort", "operation drain-1 was aborted"),
            ("POST", "/machines/9f2c4e1a00/reboot", "9f2c4e1a... was told to restart"),
            ("POST", "/machines/9f2c4e1a00/revoke", "machine 9f2c4e1a... was revoked"),
            ("POST", "/tokens", "a token was made"), ("DELETE", "/tokens/3f2a", "token 3f2a was revoked"),
            ("POST", "/users", "the user was added"), ("DELETE", "/users/ada", "user ada was revoked"),
            ("DELETE", "/brake", "the brake was released"),
            ("PUT", "/backup?overwrite=true", "the backup was restored"),
            (
                "POST", "/machines/9f2c4e1a00/password/rotate",
                "machine 9f2c4e1a... was asked to take a new password in etcd"
            ),
            ("POST", "/authorities/password/rotate", "the password of etcd's root was changed"),
            ("POST", "/authorities/rotate", "the rotation of the authority was carried out"),
            ("POST", "/store/adoption", "the store was adopted"),
            ("POST", "/news", "POST /flotilla/v1/news was carried out"), ("GET", "/tokens", nil),
            ("GET", "/brake", nil),
            ("POST", "/users/ada/certificate", nil),
        ] as [(String, String, String?)])
    func requests(method: String, path: String, deed: String?) {
        #expect(PendingChange(Self.request(method, path))?.deed == deed)
    }

    @Test("what is said follows the answers")
    func words() {
        let words = Words()
        let changes = words.changes
        let made = ["a", "b"].map { PendingChange(unit: UnitName(unchecked: "\($0).service"), "was set to loaded") }
        let (a, b) = ("a.service was set to loaded", "b.service was set to loaded")
        changes.begin(made[0])
        changes.begin(made[1])
        changes.end(made[0], .done)
        changes.end(made[1], .unknown)
        // Asked again.
        changes.begin(made[1])
        changes.end(made[1], .done)
        let doubt = "whether \(b) is not known; cluster-manager status b.service shows it; carried out: \(a)"
        #expect(
            words.all == [
                "whether \(a) is not known; cluster-manager status a.service shows it",
                "whether \(a) and \(b) is not known; cluster-manager list-unit-files shows it", doubt, doubt, doubt,
                "carried out: \(a) and \(b)",
            ])
    }

    @Test(
        "few are listed as a sentence has them, of many the first",
        arguments: [
            ([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"),
            (["a", "b", "c", "d"], "a, b, c and 1 more"),
        ] as [([String], String)])
    func lists(words: [String], text: String) { #expect(words.listed(3) == text) }

    @Test("many that are done are counted")
    func many() {
        let words = Words()
        let changes = words.changes
        for number in 1...5 {
            let change = PendingChange(unit: UnitName(unchecked: "w@\(number).service"), "was destroyed")
            changes.begin(change)
            changes.end(change, .done)
        }
        #expect(
            words.all.last
                == "carried out: w@1.service was destroyed, w@2.service was destroyed, w@3.service was destroyed and 2 more"
        )
    }

    private static let doubt = "whether the brake was released is not known; cluster-manager brake shows it"

    @Test(
        "the status of an answer says what became of the change",
        arguments: [(200, "carried out: the brake was released"), (404, nil), (503, doubt)] as [(Int, String?)])
    func statuses(status: Int, last: String?) async throws {
        let words = Words()
        let api = CannedAPI(["DELETE \(API.ownPrefix)/brake": TransportResponse(status: status)])
        let transport = ObservedTransport(transport: api, observer: words.observer)
        _ = try await transport.send(Self.request("DELETE", "/brake"))
        #expect(words.all == [Self.doubt, last])
    }

    @Test("a lost answer leaves it open, and a request that never got there does not")
    func failures() async throws {
        for (kind, last) in [(.broken, Self.doubt), (.unreachable, nil), (.untrusted, nil)]
            as [(TransportFailure.Kind, String?)]
        {
            let words = Words()
            let target = "DELETE \(API.ownPrefix)/brake"
            let api = CannedAPI([:], first: [target: [.failure(TransportFailure(kind, "gone"))]])
            let transport = ObservedTransport(transport: api, observer: words.observer)
            await #expect(throws: TransportFailure.self) {
                try await transport.send(Self.request("DELETE", "/brake"))
            }
            #expect(words.all == [Self.doubt, last])
        }
    }

    @Test("orders about units and metadata are told of, too; questions are not")
    func fleet() async throws {
        let words = Words()
        let machine = Fixtures.machines(1)[0]
        let fleet = ObservedFleet(
            FakeFleet(units: [try Fixtures.unit("web.service", machine: machine.id)]), words.observer)
        let name = UnitName(unchecked: "web.service")
        _ = try await fleet.units()
        #expect(words.all.isEmpty)
        let source = try Fixtures.source(Fixtures.plainText, "new.service")
        try await fleet.create(UnitName(unchecked: "new.service"), file: source, target: .inactive)
        try await fleet.replace(name, file: source, target: .launched)
        for target in [TargetState.loaded, .inactive, .launched] { try await fleet.setTarget(target, of: name) }
        try await fleet.restart(name)
        try await fleet.changeMetadata(of: machine.id, [])
        _ = try await fleet.destroy(name)
        let doubts = words.all.compactMap { $0 }.filter { $0.hasPrefix("whether ") }
        let deeds = doubts.compactMap { $0.split(separator: " is not known").first.map { String($0.dropFirst(8)) } }
        #expect(
            deeds == [
                "new.service was submitted", "web.service was given another file", "web.service was set to loaded",
                "web.service was unloaded", "web.service was started", "web.service was restarted",
                "the metadata of 10000000... was changed", "web.service was destroyed",
            ])
    }
}
