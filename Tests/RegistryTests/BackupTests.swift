// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite(.timeLimit(.minutes(5))) struct BackupTests {
    /// A cluster with two units, one of which has done its work, and everything else that a backup has or has not.
    private func cluster(_ kind: StoreKind) async throws -> TestStore {
        let test = try await kind.make()
        let registry = test.registry
        try await registry.createUnit(Sample.web, file: try Sample.file("true"), target: .launched)
        try await registry.createUnit(Sample.db, file: try Sample.file("false"), target: .loaded)
        _ = try await registry.changeMetadata(of: Sample.a, [(key: "zone", value: "b"), (key: "role", value: nil)])
        try await registry.addUser(UserIdentity(name: "ada", role: .admin, createdAt: 1))
        let keys = registry.keys
        let ended = Completion(
            unit: Sample.web, machine: Sample.a, hash: try Sample.file("true").hash, restarts: 0, isSuccess: true,
            moment: 9)
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        _ = try await registry.register(Sample.machine(Sample.a), lease: lease)
        _ = try await test.store.commit(
            Transaction(then: [
                .put(keys.result(Sample.web), ResultEntry(ended).bytes),
                .put(keys.assignment(Sample.a, Sample.db), TargetEntry(Sample.assignment(Sample.a, Sample.db)).bytes),
                .put(keys.prefix + "stacks/hadoop", Array("any \"thing\"\n".utf8)),
                .put(keys.token("1"), [0x7B, 0x7D]), .put(keys.event(1, "a"), [0x7B, 0x7D]),
            ]))
        _ = try await registry.makeMark()
        return test
    }

    private static let paths = [
        "identities/users/ada", "metadata/" + Sample.a.rawValue, "results/web.service", "stacks/hadoop",
        "units/db.service", "units/web.service",
    ]

    @Test("what users want is saved and comes back in another cluster byte by byte", arguments: StoreKind.allCases)
    func roundTrip(_ kind: StoreKind) async throws {
        let test = try await cluster(kind)
        let (backup, problems) = try await test.registry.backup(at: 5)
        #expect(problems.isEmpty)
        #expect(backup.records.map(\.path).filter { !$0.hasPrefix("files/") } == Self.paths)
        #expect(backup.records.count == Self.paths.count + 2)
        let read = try ClusterBackup(parsing: backup.bytes)
        #expect(read == backup && read.created == 5 && read.cluster == test.cluster.rawValue)

        let other = try await kind.make()
        let report = try await other.registry.restore(read, withMembers: true)
        #expect(report.units == 2 && report.leftOut == 0 && report.kept.isEmpty && report.revision > 0)
        let again = try await other.registry.backup(at: 5).backup
        #expect(again.records == backup.records)
        #expect(try await other.registry.completions(of: [Sample.web]).completions.count == 1)
    }

    @Test(
        "another cluster's users and machines stay where they belong, unless asked for", arguments: StoreKind.allCases)
    func foreign(_ kind: StoreKind) async throws {
        let test = try await cluster(kind)
        _ = try await test.registry.control(Sample.a, .cordon, by: "ada", at: 1)
        let backup = try await test.registry.backup(at: 5).backup
        let other = try await kind.make()
        let report = try await other.registry.restore(backup)
        #expect(report.units == 2 && report.leftOut == 3)
        let paths = try await other.registry.backup(at: 5).backup.records.map(\.path)
        let kinds = Set(paths.compactMap { $0.split(separator: "/").first })
        #expect(kinds == ["files", "units", "results", "stacks"])
        // The same name is the same cluster, unless it believes another authority.
        func bundle(_ name: String) -> [UInt8] {
            AuthoritiesEntry(
                bundle: "-----BEGIN CERTIFICATE-----\n\(name)\n-----END CERTIFICATE-----\n", signers: []
            ).bytes
        }
        var own = backup
        own.cluster = other.cluster.rawValue
        #expect(try await other.registry.restore(own, overwrite: true).leftOut == 0)
        own.records.append(
            ClusterBackup.Record(path: "authorities", value: String(decoding: bundle("theirs"), as: UTF8.self)))
        for (name, leftOut) in [("theirs", 0), ("ours", 4)] {
            _ = try await other.store.commit(
                Transaction(then: [.put(other.registry.keys.authorities, bundle(name))]))
            #expect(try await other.registry.restore(own, overwrite: true).leftOut == leftOut)
        }
    }

    @Test(
        "what version 0.1 has stored is read, saved and destroyed: files under their canonical hash, names refused today",
        arguments: StoreKind.allCases)
    func former(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let file = try UnitFile(parsing: "# a comment\n" + Sample.file("true").text)
        let hash = file.canonicalHash
        let names = [".service", "a--b.slice", "dbus.service"].map { UnitName(unchecked: $0) }
        let record = TargetEntry(hash: hash, target: .loaded, restarts: 0).bytes
        _ = try await test.store.commit(
            Transaction(
                then: [.put(registry.keys.file(hash), Array(file.text.utf8))]
                    + names.map { .put(registry.keys.unit($0), record) }))
        let read = try await registry.file(hash)
        #expect(read == file && read.hash == hash)
        let (backup, problems) = try await registry.backup(at: 5)
        #expect(problems.isEmpty)
        #expect(backup.records.count == 4)
        _ = try ClusterBackup(parsing: backup.bytes)
        for name in names { _ = try await registry.destroyUnit(name) }
        #expect(try await registry.backup(at: 6).backup.records.allSatisfy { $0.path.hasPrefix("files/") })
    }

    @Test("a cluster that wants something already is not overwritten unless told", arguments: StoreKind.allCases)
    func overwrite(_ kind: StoreKind) async throws {
        let test = try await cluster(kind)
        let backup = try await test.registry.backup(at: 5).backup
        let other = try await kind.make()
        // One who is in already, and was revoked since.
        try await other.registry.addUser(UserIdentity(name: "ada", role: .viewer, createdAt: 1, revokedAt: 2))
        try await other.registry.createUnit(Sample.unit(1), file: try Sample.file("true"), target: .launched)
        try await other.registry.createUnit(Sample.db, file: try Sample.file("date"), target: .launched)
        let before = try await other.store.get(other.registry.keys.everything, revision: 0).keys
        let error = await #expect(throws: RegistryError.self) { try await other.registry.restore(backup) }
        #expect(error?.code == .conflict && error?.mayHaveHappened == false)
        #expect(
            error?.reason.contains("is not empty (units: 2, other records: ") == true,
            "\(String(describing: error))")
        #expect(error?.reason.contains("--overwrite") == true)
        #expect(try await other.store.get(other.registry.keys.everything, revision: 0).keys == before)

        let report = try await other.registry.restore(backup, overwrite: true)
        #expect(report.units == 2)
        #expect(report.kept == ["u1.service"])
        #expect(try await other.registry.unit(Sample.db)?.record.target == .loaded)
        #expect(try await other.registry.unit(Sample.unit(1)) != nil)
        #expect(try await other.registry.userIdentities().users.map(\.revokedAt) == [2])
    }

    @Test("many units come back in few transactions, and files come first", arguments: StoreKind.allCases)
    func many(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let changes = try (0..<300).map {
            UnitChange.create(Sample.unit($0), file: try Sample.file("echo \($0)"), target: .launched)
        }
        for result in await test.registry.apply(changes) { _ = try result.get() }
        let backup = try await test.registry.backup(at: 5).backup
        let other = try await kind.make()
        var updates = other.registry.follow().makeAsyncIterator()
        guard case .snapshot(_, let first, _)? = try await updates.next() else { throw Missing() }
        let report = try await other.registry.restore(backup)
        #expect(report.units == 300 && report.others == 300)
        var files: Set<ContentHash> = []
        var units = 0
        while units < 300, case .changes(let events, let revision, _)? = try await updates.next() {
            #expect(revision > first)
            for event in events {
                if case .filePut(let hash, _) = event { files.insert(hash) }
                if case .unitPut(let record) = event {
                    units += 1
                    #expect(files.contains(record.hash), "\(record.name) came before its file")
                }
            }
        }
    }

    @Test("a restoration that breaks off says how far it came, and is completed when told to overwrite")
    func halfway() async throws {
        let test = try await cluster(.memory)
        let backup = try await test.registry.backup(at: 5).backup
        let other = try await StoreKind.memory.make()
        let store = FaultyStore(store: other.store)
        let registry = ClusterRegistry(store: store, cluster: other.cluster)
        await store.faults.plan(.first({}), .loseAnswer)
        let error = await #expect(throws: RegistryError.self) { try await registry.restore(backup, withMembers: true) }
        #expect(error?.mayHaveHappened == true)
        #expect(error?.message.contains("2 of 8 records are written") == true, "\(error?.message ?? "")")
        _ = try await registry.restore(backup, overwrite: true, withMembers: true)
        #expect(try await registry.backup(at: 5).backup.records == backup.records)
    }

    @Test("what cannot be read is told and left out, and a unit without its file, too")
    func damaged() async throws {
        let test = try await cluster(.memory)
        let keys = test.registry.keys
        let file = try Sample.file("true").hash
        _ = try await test.store.commit(
            Transaction(then: [
                .put(keys.file(file), [0xFF]), .put(keys.unit(Sample.db), Array("{}".utf8)),
                .put(keys.prefix + "stacks/bad", [0xFF]),
            ]))
        let (backup, problems) = try await test.registry.backup(at: 5)
        #expect(
            Set(problems.map(\.key)) == [
                keys.file(file), keys.unit(Sample.db), keys.prefix + "stacks/bad", keys.unit(Sample.web),
            ])
        #expect(try ClusterBackup(parsing: backup.bytes) == backup)
    }

    @Test("a backup that was cut short, changed or made up is refused whole, with words", arguments: 0..<12)
    func refused(number: Int) async throws {
        let test = try await cluster(.memory)
        let good = try await test.registry.backup(at: 5).backup
        let text = String(decoding: good.bytes, as: UTF8.self)
        let unit = #"{"hash":"\#(Sample.hash)","targetState":"launched"}"#
        func with(_ path: String, _ value: String) -> [UInt8] {
            var changed = good
            changed.records.append(ClusterBackup.Record(path: path, value: value))
            return changed.bytes
        }
        let cases: [(bytes: [UInt8], words: String)] = [
            ([], "not JSON"), (Array(good.bytes.dropLast(20)), "not JSON"),
            (Array(text.replacing("launched", with: "inactive").utf8), "checksum"),
            (Array(text.replacing(#""version":1"#, with: #""version":2"#).utf8), "version 2"),
            (Array(text.replacing("flotilla-backup", with: "other").utf8), "no backup"),
            (with("units/x.service", unit), "is not in the backup"),
            (with("units/../leader", unit), "key"), (with("leader", "{}"), "does not belong"),
            (with("files/\(Sample.hash)", "[Service]\nExecStart=/bin/true\n"), "another hash"),
            (with("units/db.service", unit), "twice"), (with("Identities/x", ""), "key"),
            (
                with(
                    "identities/users/eve",
                    String(
                        decoding: UserIdentity(
                            name: "root", role: .admin, createdAt: 1
                        ).bytes, as: UTF8.self)), "another user's"
            ),
        ]
        let error = #expect(throws: RegistryError.self) { try ClusterBackup(parsing: cases[number].bytes) }
        #expect(error?.code == .invalid)
        #expect(error?.message.contains(cases[number].words) == true, "\(error?.message ?? "")")
    }
}
