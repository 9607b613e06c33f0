// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Etcd

struct ClockComparisonTests {
    @Test(
        "a date of HTTP is read, on both sides of a leap day and at the turn of a century",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Sat, 28 Nov 2026 22:28:49 GMT", 1_795_904_929), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] as [(String, Int64)])
    func dates(text: String, seconds: Int64) {
        #expect(ClockComparison.seconds(text) == seconds)
    }

    @Test(
        "what is no such date says nothing",
        arguments: [
            "", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Non 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ])
    func noDate(text: String) {
        #expect(ClockComparison.seconds(text) == nil)
    }

    @Test("a client knows how far its clock is from etcd's, whatever it asked for", arguments: EtcdVariety.all)
    func error(variety: EtcdVariety) async throws {
        let server = try await EtcdServer.start(variety.options())
        for days in [-30, 0, 730] as [Int64] {
            var configuration = server.configuration(timeout: .seconds(30))
            let real = configuration.wallClock
            configuration.wallClock = { real() + days * 86_400 }
            let client = try EtcdClient(configuration)
            #expect(client.clockError == nil)
            #expect(try await client.keepAlive(LeaseID(1)) == nil)
            // Two readings of one clock, with an answer between them.
            #expect(abs(try #require(client.clockError) - days * 86_400) <= 60)
            #expect(client.withTimeout(.seconds(1)).clockError != nil)
        }
    }
}
