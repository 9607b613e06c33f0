// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Demonstrator
import FoundationEssentials
import Testing

@Suite("unit identity") struct UnitIdentityTests {
    private let start = Date(timeIntervalSince1970: 1_431_648_000)

    @Test(
        "kind and instance make the unit's name",
        arguments: [
            (UnitKind.celix, 1, "celix@1.service"), (.felix, 12, "felix@12.service"),
            (.provisioning, nil, "provisioning.service"),
        ] as [(UnitKind, Int?, String)])
    func names(kind: UnitKind, instance: Int?, unit: String) throws {
        let identity = try UnitIdentity(
            kind: kind, instance: instance, machineID: "m", hostname: "worker-1", startedAt: start)
        #expect(identity.unit == unit)
    }

    @Test(
        "an agent needs a number from 1, provisioning has none",
        arguments: [(UnitKind.celix, nil), (.felix, 0), (.felix, -1), (.provisioning, 1)] as [(UnitKind, Int?)])
    func refuses(kind: UnitKind, instance: Int?) {
        let error = #expect(throws: DemonstratorError.self) {
            try UnitIdentity(kind: kind, instance: instance, machineID: "m", hostname: "h", startedAt: start)
        }
        #expect(error?.code == .invalidIdentity)
    }

    @Test("felix and provisioning share the port that makes them conflict, celix has another")
    func ports() {
        #expect(UnitKind.felix.usualPort == UnitKind.provisioning.usualPort)
        #expect(UnitKind.celix.usualPort != UnitKind.felix.usualPort)
    }

    @Test("JSON has sorted keys and ISO 8601 times")
    func json() throws {
        let identity = try UnitIdentity(
            kind: .celix, instance: 2, machineID: "81c", hostname: "worker-4", startedAt: start)
        #expect(
            try identity.json() == """
                {"hostname":"worker-4","instance":2,"kind":"celix","machineID":"81c",\
                "startedAt":"2015-05-15T00:00:00Z","unit":"celix@2.service"}
                """)
    }

    @Test("names from outside cannot put markup into the page")
    func escapes() throws {
        let identity = try UnitIdentity(
            kind: .felix, instance: 1, machineID: "\"'&", hostname: "<script>", startedAt: start)
        let page = IdentityPage.html(identity)
        #expect(!page.contains("<script>"))
        #expect(page.contains("&lt;script&gt;"))
        #expect(page.contains("&quot;&#39;&amp;"))
        #expect(page.contains("<title>felix@1.service</title>"))
    }
}
