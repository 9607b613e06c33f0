// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct RegistryKeysTests {
    let keys = RegistryKeys(cluster: .default)

    /// The keys as every version has written them, and the table's kinds that they are of.
    private var layout: [(key: String, path: String, folder: String)] {
        let (a, web, hash) = (Sample.a.rawValue, Sample.web, Sample.hash)
        return [
            (keys.file(hash), "files/\(hash)", "files"), (keys.unit(web), "units/web.service", "units"),
            (keys.assignment(Sample.a, web), "schedule/\(a)/web.service", "schedule"),
            (keys.machine(Sample.a), "machines/\(a)", "machines"),
            (keys.metadata(Sample.a), "metadata/\(a)", "metadata"),
            (keys.state(Sample.a, web), "states/\(a)/web.service", "states"), (keys.leader, "leader", "leader"),
            (keys.control(Sample.a), "control/\(a)", "control"), (keys.seen(Sample.a), "seen/\(a)", "seen"),
            (keys.brake, "brake", "brake"), (keys.result(web), "results/web.service", "results"),
            (keys.aliases, "aliases", "aliases"), (keys.turn, "turn", "turn"), (keys.mark, "mark", "mark"),
            (keys.machineIdentity(Sample.a), "identities/machines/\(a)", "identities"),
            (keys.userIdentity("ada"), "identities/users/ada", "identities"),
            (keys.token("1"), "tokens/1", "tokens"), (keys.authorities, "authorities", "authorities"),
            (keys.event(1, "a"), "events/0000000000001-a", "events"),
            (keys.operation(Sample.drain), "operations/drain-1", "operations"),
            (keys.wave(Sample.drain, 12), "operations/drain-1/waves/12", "operations"),
            // No key of this kind is made yet.
            ("\(keys.prefix)stacks/felix", "stacks/felix", "stacks"),
        ]
    }

    @Test("keys lie where they always lay, and each kind of the table has some")
    func places() {
        for (key, path, folder) in layout {
            #expect(key == "/flotilla/default/\(path)")
            #expect(keys.kind(of: key)?.kind.folder == folder, "\(key)")
            #expect(keys.kind(of: key)?.kind.isSingle == (folder == path), "\(key)")
        }
        #expect(Set(layout.map(\.folder)) == Set(Records.all.map(\.folder)), "a kind lacks its line here")
        for (all, folder) in [
            (keys.files, "files"), (keys.units, "units"), (keys.machines, "machines"), (keys.metadata, "metadata"),
            (keys.results, "results"), (keys.identities, "identities"), (keys.tokens, "tokens"),
            (keys.events, "events"), (keys.control, "control"), (keys.seen, "seen"), (keys.schedule, "schedule"),
            (keys.states, "states"), (keys.operations, "operations"),
        ] { #expect(all == .prefix("/flotilla/default/\(folder)/")) }
        #expect(keys.states(of: Sample.a) == .prefix("/flotilla/default/states/\(Sample.a.rawValue)/"))
        #expect(keys.assignments(of: Sample.a) == .prefix("/flotilla/default/schedule/\(Sample.a.rawValue)/"))
    }

    @Test("a key is read back as what it was made from")
    func names() {
        #expect(keys.name(of: keys.unit(Sample.web), Records.units) == Sample.web)
        #expect(keys.name(of: "/flotilla/default/units/celix@1.service", Records.units)?.rawValue == "celix@1.service")
        #expect(keys.name(of: keys.file(Sample.hash), Records.files) == Sample.hash)
        #expect(keys.name(of: keys.machine(Sample.a), Records.machines) == Sample.a)
        #expect(keys.name(of: keys.control(Sample.a), Records.control) == Sample.a)
        #expect(keys.name(of: keys.operation(Sample.drain), Records.operations) == OperationKey(Sample.drain))
        #expect(keys.name(of: keys.wave(Sample.drain, 12), Records.operations) == OperationKey(Sample.drain, 12))
        let placed = PlacedUnit(Sample.a, Sample.web)
        #expect(keys.name(of: keys.assignment(Sample.a, Sample.web), Records.schedule) == placed)
        #expect(keys.name(of: keys.state(Sample.a, Sample.web), Records.states) == placed)
        #expect(keys.name(of: keys.state(Sample.a, Sample.web), Records.schedule) == nil, "it is of another kind")
    }

    @Test(
        "a key that this version does not know is none of its kinds",
        arguments: [
            "", "/flotilla/default", "/flotilla/default/", "/flotilla/other/leader", "/flotilla/default/leader/x",
            "/flotilla/default/brake/x", "/flotilla/default/control/x", "/flotilla/default/operations/Drain",
            "/flotilla/default/operations/-a", "/flotilla/default/operations/a/waves",
            "/flotilla/default/operations/a/waves/",
            "/flotilla/default/operations/a/waves/0", "/flotilla/default/operations/a/waves/01",
            "/flotilla/default/operations/a/waves/1/2", "/flotilla/default/operations/a/steps/1",
            "/flotilla/default/operations/a/waves/9999999999999999999999",
            "/flotilla/default/leaders", "/flotilla/default/units/", "/flotilla/default/units/a/b",
            "/flotilla/default/files/xyz", "/flotilla/default/machines/A", "/flotilla/default/schedule/x/web.service",
            "/flotilla/default/schedule/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "/flotilla/default/schedule/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
            "/flotilla/default/states/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/a/b", "/flotilla/default/novel/thing",
        ])
    func unknown(_ key: String) throws {
        guard let (kind, tail) = keys.kind(of: key) else { return }
        let entry = KeyValue(key: key, value: [], createRevision: 1, modRevision: 1, version: 1, lease: .none)
        let error = #expect(throws: RecordError.self) { try kind.put(entry, at: tail) }
        #expect(error?.reason.hasPrefix("this version knows no such key") == true, "\(key)")
        #expect(kind.gone(tail) == nil)
    }

    @Test("kinds that other parts keep are told apart from unknown ones, and followers pass them over")
    func others() throws {
        for path in ["stacks/felix", "events/1/2", "results/.. ", "tokens/", "turn"] {
            let (kind, tail) = try #require(keys.kind(of: keys.prefix + path))
            #expect(!kind.isFollowed && kind.gone(tail) == nil)
        }
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
