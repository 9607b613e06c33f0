// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FleetCore
import Testing

@Suite("Pages of listings")
struct PaginationTests {
    private func cluster(units count: Int) -> MemoryCluster {
        MemoryCluster(
            (0..<count).flatMap { Sample.unit("u\(String(10_000 + $0).dropFirst()).service") })
    }

    @Test(
        "a full page has a next one, even where that is empty",
        arguments: [
            (0, [0]), (1, [1]), (99, [99]), (100, [100, 0]), (101, [100, 1]), (250, [100, 100, 50]),
        ])
    func pages(count: Int, sizes: [Int]) async throws {
        try await withAPI(.inProcess, cluster(units: count)) { ask async throws in
            var seen: [Int] = []
            var names: [String] = []
            var token: String?
            repeat {
                let target = "/fleet/v1/units" + (token.map { "?nextPageToken=\($0)" } ?? "")
                let page = try await ask("GET", target).json
                let units = page["units"]?.array ?? []
                seen.append(units.count)
                names += units.compactMap { $0["name"]?.string }
                token = page["nextPageToken"]?.string
                if units.isEmpty { #expect(page == [:]) }
            } while token != nil
            #expect(seen == sizes)
            #expect(names.count == count && names == names.sorted() && Set(names).count == count)
        }
    }

    @Test("the token of the second page is fleet's")
    func token() async throws {
        try await withAPI(.inProcess, cluster(units: 150)) { ask async throws in
            #expect(try await ask("GET", "/fleet/v1/units").json["nextPageToken"] == "ZAACAA==")
            #expect(try await ask("GET", "/fleet/v1/units?nextPageToken=ZAACAA%3D%3D").json["units"]?.array.count == 50)
        }
    }

    @Test("a page past the end is empty, up to the last number")
    func pastTheEnd() async throws {
        try await withAPI(.inProcess, cluster(units: 3)) { ask async throws in
            for page in [2, 700, UInt16.max] {
                let token = PageToken(limit: 100, page: page).text
                #expect(try await ask("GET", "/fleet/v1/units?nextPageToken=\(token)").json == [:])
            }
        }
    }

    @Test(
        "a token that is not ours is refused", arguments: Reach.allCases,
        [
            "nextPageToken=EwBMLg==", "nextPageToken=", "nextPageToken=%21", "nextPageToken=ZAAAAA==",
            "nextPageToken=ZAACAA==&nextPageToken=ZAACAA==", "nextPageToken=ZAAC",
        ])
    func badTokens(reach: Reach, query: String) async throws {
        try await withAPI(reach, cluster(units: 1)) { ask async throws in
            for listing in ["units", "state", "machines"] {
                let answer = try await ask("GET", "/fleet/v1/\(listing)?\(query)")
                #expect(answer.status == 400)
                #expect(try answer.json["error"]?["code"] == 400)
            }
        }
    }

    @Test("everything comes at once for who asks so")
    func all() async throws {
        try await withAPI(.inProcess, cluster(units: 250)) { ask async throws in
            let page = try await ask("GET", "/fleet/v1/units?all=true").json
            #expect(page["units"]?.array.count == 250)
            #expect(page["nextPageToken"] == nil)
        }
    }
}
