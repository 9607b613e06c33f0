// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer
import FoundationEssentials
import Logging
import Synchronization
import Testing

@testable import NodeAgent

/// What of a flood of refusals is kept.
@Suite("The audit under refusals")
struct RegistryAuditTests {
    private final class Notebook: Sendable {
        let acts = Mutex<[AuditedAct]>([])
        let clock = Mutex(Date(timeIntervalSince1970: 1_800_000_000))

        var kept: [AuditedAct] { acts.withLock { $0 } }

        func audit() -> RegistryAudit {
            RegistryAudit(
                logger: .silent, now: { self.clock.withLock { $0 } },
                store: { act, _ in self.acts.withLock { $0.append(act) } })
        }
    }

    private static func refusal(_ caller: String, _ action: String = "GET /x", reason: String = "no") -> AuditedAct {
        AuditedAct(caller: caller, origin: "10.0.0.9", action: action, status: 401, reason: reason)
    }

    @Test("a day of refusals, a thousand a second, is a few thousand short events, and the count of the others")
    func day() async {
        let notebook = Notebook()
        let audit = notebook.audit()
        for _ in 0..<1000 { await audit.record(Self.refusal("unknown")) }
        await audit.settle()
        #expect(notebook.kept.count == 60)
        // Ten seconds later one more is kept, and says what was not.
        notebook.clock.withLock { $0 += 10 }
        for _ in 0..<5 { await audit.record(Self.refusal("unknown")) }
        await audit.settle()
        #expect(notebook.kept.count == 61)
        #expect(notebook.kept.last?.reason == "no; 940 refusals before it are not in the store")
        for _ in 0..<2 {
            notebook.clock.withLock { $0 += 10 }
            for _ in 0..<2 { await audit.record(Self.refusal("unknown")) }
        }
        await audit.settle()
        #expect(notebook.kept.last?.reason == "no; 1 refusal before it is not in the store")
        for _ in 0..<8640 {
            notebook.clock.withLock { $0 += 10 }
            for _ in 0..<3 { await audit.record(Self.refusal("unknown")) }
        }
        await audit.settle()
        #expect(notebook.kept.count <= 60 + 3 + 8640)
    }

    @Test("strangers keep no refusal of somebody known, and no change, from being kept")
    func known() async {
        let notebook = Notebook()
        let audit = notebook.audit()
        for _ in 0..<1000 { await audit.record(Self.refusal("unknown")) }
        for _ in 0..<1000 { await audit.record(Self.refusal("user:vera")) }
        await audit.record(Self.refusal("user:vic"))
        await audit.settle()
        await audit.record(
            AuditedAct(caller: "user:ada", origin: "10.0.0.9", action: "PUT /fleet/v1/units/a.service", status: 201))
        #expect(notebook.kept.suffix(2).map(\.caller) == ["user:vic", "user:ada"])
        #expect(notebook.kept.count { $0.caller == "user:vera" } == 60)
    }

    @Test(
        "an audit is asked for by callers or users, each of whom is an alternative",
        arguments: [
            ([], "user:ada", true), (["ada"], "user:ada", true), (["user:ada"], "user:ada", true),
            (["root", "unix:0"], "unix:0", true), (["root", "unix:0"], "user:root", true),
            (["root", "unix:0"], "user:ada", false), (["0"], "unix:0", false),
        ] as [([String], String, Bool)])
    func wanted(users: [String], caller: String, isAmong: Bool) {
        #expect(IdentityRoutes.isAmong(users, caller) == isAmong)
    }

    @Test("what somebody wrote who was refused is cut, what was done is kept whole")
    func cut() async {
        let notebook = Notebook()
        let audit = notebook.audit()
        let long = "GET /" + String(repeating: "x", count: 60_000)
        await audit.record(Self.refusal("unknown", long, reason: long))
        await audit.settle()
        #expect(notebook.kept[0].action.count == 203 && notebook.kept[0].reason?.count == 203)
        await audit.record(AuditedAct(caller: "user:ada", origin: "10.0.0.9", action: long, status: 204))
        #expect(notebook.kept[1].action == long)
    }
}
