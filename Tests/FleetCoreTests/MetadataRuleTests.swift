// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct MetadataRuleTests {
    static let rule = MetadataRule(pairs: [("zone", "b"), ("role", "worker"), ("zone", "a"), ("zone", "b")])

    @Test(
        "values of a key are alternatives, keys add up",
        arguments: [
            (["role": "worker", "zone": "a"], true), (["role": "worker", "zone": "b", "more": "x"], true),
            (["role": "worker", "zone": "c"], false), (["role": "worker"], false), (["zone": "a"], false), ([:], false),
            (["role": "Worker", "zone": "a"], false), (["role": "", "zone": "a"], false),
        ])
    func accepts(metadata: [String: String], isAccepted: Bool) {
        #expect(Self.rule.accepts(metadata) == isAccepted)
        #expect(Self.rule.unmet(by: metadata).isEmpty == isAccepted)
    }

    @Test("the rule without pairs accepts every machine")
    func empty() {
        #expect(MetadataRule.any.accepts([:]) && MetadataRule.any.accepts(["a": "b"]))
        #expect(MetadataRule.any.isEmpty && !Self.rule.isEmpty)
    }

    @Test("its text and its clauses do not depend on the order of the pairs")
    func order() {
        #expect(Self.rule.description == "role=worker, zone=a or b")
        #expect(MetadataRule(pairs: [("zone", "a"), ("zone", "b"), ("role", "worker")]) == Self.rule)
        #expect(MetadataRule.any.description == "")
    }

    @Test("the clauses that a machine fails are named")
    func unmet() {
        #expect(Self.rule.unmet(by: ["role": "worker", "zone": "c"]).map(\.description) == ["zone=a or b"])
        #expect(Self.rule.unmet(by: [:]).map(\.key) == ["role", "zone"])
    }
}
