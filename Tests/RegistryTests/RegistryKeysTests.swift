// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Registry
import Testing

@Suite struct RegistryKeysTests {
    let keys = RegistryKeys(cluster: .default)

    @Test("each kind of key is read back as what it was made from")
    func roundTrip() {
        let table: [(String, RegistryKey)] = [
            (keys.leader, .leader),
            (keys.file(Sample.hash), .file(Sample.hash)),
            (keys.unit(Sample.web), .unit(Sample.web)),
            (keys.machine(Sample.a), .machine(Sample.a)),
            (keys.control(Sample.a), .control(Sample.a)),
            (keys.seen(Sample.a), .seen(Sample.a)),
            (keys.brake, .brake),
            (keys.turn, .other(kind: "turn", rest: "")), (keys.aliases, .other(kind: "aliases", rest: "")),
            (keys.assignment(Sample.a, Sample.web), .assignment(Sample.a, Sample.web)),
            (keys.state(Sample.a, Sample.web), .state(Sample.a, Sample.web)),
        ]
        for (text, key) in table { #expect(keys.parse(text) == key, "\(text)") }
        #expect(keys.unit(Sample.web) == "/flotilla/default/units/web.service")
        #expect(keys.parse("/flotilla/default/units/celix@1.service") == .unit(UnitName(unchecked: "celix@1.service")))
    }

    @Test(
        "a key that this version does not know is none of its kinds",
        arguments: [
            "", "/flotilla/default", "/flotilla/default/", "/flotilla/other/leader", "/flotilla/default/leader/x",
            "/flotilla/default/brake/x", "/flotilla/default/control/x",
            "/flotilla/default/leaders", "/flotilla/default/units/", "/flotilla/default/units/a/b",
            "/flotilla/default/files/xyz", "/flotilla/default/machines/A", "/flotilla/default/schedule/x/web.service",
            "/flotilla/default/schedule/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "/flotilla/default/schedule/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
            "/flotilla/default/states/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/a/b", "/flotilla/default/novel/thing",
        ])
    func unknown(_ key: String) {
        #expect(keys.parse(key) == nil)
    }

    @Test("kinds that other parts keep are told apart from unknown ones")
    func others() {
        #expect(keys.parse("/flotilla/default/stacks/felix") == .other(kind: "stacks", rest: "felix"))
        #expect(keys.parse("/flotilla/default/events/1/2") == .other(kind: "events", rest: "1/2"))
    }

    @Test(
        "a cluster's name is made of small letters, digits and hyphens",
        arguments: ["a", "0", "my-cluster-1", String(repeating: "a", count: 63)])
    func goodNames(_ text: String) {
        #expect(ClusterName(text)?.rawValue == text)
    }

    @Test(
        "any other name of a cluster is refused",
        arguments: ["", "-a", "A", "a/b", "a.b", "ä", "a b", "a_b", String(repeating: "a", count: 64)])
    func badNames(_ text: String) {
        #expect(ClusterName(text) == nil)
    }
}
