// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FoundationEssentials
import Testing

@testable import NodeAgent

@Suite("What an agent says of etcd's doors")
struct StoreWatchTests {
    @Test(
        "a certificate that ends within 30 days, or has ended, is warned of",
        arguments: [(-1.0, true), (0, true), (29.9, true), (30.1, false), (365, false)])
    func certificate(days: Double, isSoon: Bool) {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        var found = StoreOpenness(
            endpoint: "https://10.0.0.1:2379", isPlain: false, takesStrangers: false, asksForLogin: true, version: nil)
        #expect(API.StoreMember(found, now: now).certificateEndsSoon == nil)
        let end = Int64(1_800_000_000 + days * 86_400)
        found.certificateEnd = end
        let member = API.StoreMember(found, now: now)
        #expect(member.certificateEndsSoon == isSoon)
        #expect(member.certificateEndsAt == end * 1000)
        #expect(member.warnings.count == (isSoon ? 1 : 0))
    }
}
