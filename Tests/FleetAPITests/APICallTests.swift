// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@Suite("The table of calls")
struct APICallTests {
    @Test("no two calls have one name, or one method of one path")
    func unique() {
        #expect(Set(APICall.all.map(\.name)).count == APICall.all.count)
        #expect(Set(APICall.all.map { "\($0.method) \($0.path)" }).count == APICall.all.count)
    }

    @Test("what fleet has no path for is below our prefix, but for the units' own restart, reasons and events")
    func prefixes() {
        let ours = ["/restart", "/explain", "/events"]
        let fleets = ["/units", "/units/{name}", "/state", "/state/{name}", "/machines", "/discovery"]
        for call in APICall.all where !call.path.hasPrefix(API.ownPrefix + "/") {
            let rest = call.path.hasPrefix(API.prefix) ? String(call.path.dropFirst(API.prefix.count)) : nil
            if let rest {
                #expect(fleets.contains(rest) || ours.contains { rest.hasSuffix($0) }, "\(call.path)")
            } else {
                #expect(["/healthz", "/openapi.json"].contains(call.path))
            }
        }
    }

    @Test("a path's open segments and its query are percent-coded")
    func targets() {
        #expect(APICall.readUnit.target(["a@1/ü.service"]) == "/fleet/v1/units/a%401%2F%C3%BC.service")
        #expect(
            APICall.listStates.target(query: [("unitName", "a b&c=d"), ("all", "true")])
                == "/fleet/v1/state?unitName=a%20b%26c%3Dd&all=true")
        #expect(APICall.readHealth.target() == "/healthz")
        #expect(APICall.control("drain").target(["m"]) == "/flotilla/v1/machines/m/drain")
    }

    @Test("what only reads is nobody's act, and what takes more than a caller's class may send is an administrator's")
    func rules() {
        for call in APICall.all {
            #expect(call.method != .get || call.audit == .refusals, "\(call.name)")
            #expect(call.largestBody == nil || call.needs == .role(.admin), "\(call.name)")
            #expect(!call.answers.isEmpty && call.summary.last != ".", "\(call.name)")
        }
    }
}
