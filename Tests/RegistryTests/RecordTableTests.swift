// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import FoundationEssentials
import Registry
import TestSupport
import Testing

/// The table of kinds is whole, and what is written and documented is what it says.
struct RecordTableTests {
    private static let folder = "\(Shell.repository)/Sources/Registry"

    private static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// Paths of Swift sources below a folder of the registry, sorted.
    private static func sources(below part: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/\(part)").filter { $0.hasSuffix(".swift") }
            .map { "\(folder)/\(part)/\($0)" }.sorted()
    }

    @Test("each kind that is declared is in the table, once, and no file declares two")
    func declared() throws {
        let counts = try Self.sources(below: "Records").map { path in
            (path, try Self.text(path).split(separator: "\n").count { $0.contains("= RecordKind<") })
        }
        for (path, count) in counts { #expect(count < 2, "\(path)") }
        #expect(counts.reduce(0) { $0 + $1.1 } == Records.all.count)
        let folders = Records.all.map(\.folder)
        #expect(Set(folders).count == folders.count)
        for kind in Records.all {
            #expect(
                kind.pattern.hasPrefix(kind.isSingle ? kind.folder : kind.folder + "/<") || kind.pattern.contains(", "))
            let name = kind.folder.prefix(1).uppercased() + kind.folder.dropFirst()
            #expect(counts.contains { $0.0.hasSuffix("/Records/\(name).swift") && $0.1 == 1 }, "\(name).swift")
        }
    }

    @Test("no other part of the registry makes a key by hand")
    func keysByHand() throws {
        for path in try Self.sources(below: "") where !path.contains("/Records/") {
            let text = try Self.text(path).split(separator: "\n").filter { !$0.contains("//") }.joined(separator: "\n")
            for kind in Records.all {
                #expect(!text.contains("prefix)\(kind.folder)"), "\(path)")
                #expect(!text.contains("\"\(kind.folder)/"), "\(path)")
            }
        }
    }

    @Test("a follower of the whole cluster reads files first, and states after all that they are of")
    func order() {
        #expect(
            Records.all.filter(\.isFollowed).map(\.folder) == [
                "files", "control", "machines", "metadata", "units", "schedule", "states", "operations", "seen",
                "brake",
                "leader",
            ])
    }

    @Test("an agent has the rights that it always had, and a right to its own is never one to all")
    func rights() {
        let keys = RegistryKeys(cluster: .default)
        let (prefix, id) = (keys.prefix, Sample.a.rawValue)
        let expected: [(EtcdPermission.Access, KeySelector)] = [
            (.readWrite, .key("\(prefix)machines/\(id)")), (.readWrite, .prefix("\(prefix)states/\(id)/")),
            (.read, .prefix("\(prefix)schedule/\(id)/")), (.read, .prefix("\(prefix)files/")),
            (.readWrite, .prefix("\(prefix)results/")), (.read, .key("\(prefix)leader")),
            (.read, .key("\(prefix)mark")), (.readWrite, .key("\(prefix)turn")), (.read, .prefix("\(prefix)machines/")),
            (.read, .prefix("\(prefix)identities/")), (.read, .key("\(prefix)authorities")),
        ]
        let rights = keys.rights(of: Sample.a)
        #expect(Set(rights) == Set(expected.map { EtcdPermission($0.0, $0.1) }))
        #expect(rights.count == expected.count)
        for kind in Records.all where kind.agents.contains(where: { $0.scope == .own }) {
            #expect(keys.own(kind, of: Sample.a) != nil, "\(kind.folder)/ does not say whose its records are")
        }
    }

    @Test("what is written hangs on what the table says", arguments: StoreKind.allCases)
    func leases(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (registry, keys) = (test.registry, test.registry.keys)
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        guard case .registered(let revision) = try await registry.register(Sample.machine(Sample.a), lease: lease)
        else { throw Missing() }
        let tenure = Tenure(machine: Sample.a, lease: lease, recordRevision: revision)
        let leadership = try required(try await registry.campaign(machine: Sample.a, lease: lease))
        let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n[Install]\nAlias=other.service\n")
        try await registry.createUnit(Sample.web, file: file, target: .launched)
        let written = try await registry.commit([Sample.step(Sample.a, Sample.web)], as: leadership).revision
        let order = StoredAssignment(Sample.assignment(Sample.a, Sample.web), modRevision: written)
        _ = try await registry.claim([Claim(order, state: Sample.state(Sample.a, Sample.web))], in: tenure)
        let end = Completion(
            unit: Sample.web, machine: Sample.a, hash: Sample.hash, restarts: 0, isSuccess: true, moment: 9)
        try await registry.record([CompletionReport(end, revision: written)], in: tenure)
        let notes: [ClusterNote] = [.brake(Brake(lost: [Sample.b], seen: 1, window: 5)), .remember(Sample.a)]
        try await registry.write(notes, at: 1, as: leadership)
        _ = try await registry.control(Sample.a, .cordon, by: "ada", at: 1)
        _ = try await registry.create(OperationRecord(id: Sample.drain, kind: .drain(Sample.b)), at: 1)
        _ = try await registry.changeMetadata(of: Sample.a, [(key: "zone", value: "b")])
        _ = try await registry.takeTurn(of: Sample.a, seconds: 600)
        _ = try await registry.makeMark()
        try await registry.addMachine(MachineIdentity(id: Sample.a, name: "a", roles: ["agent"], joinedAt: 1))
        try await registry.addUser(UserIdentity(name: "ada", role: .admin, createdAt: 1))
        _ = try await registry.setAuthorities(AuthoritiesEntry(bundle: "PEM", signers: []), expecting: 0)
        let hash = String(repeating: "a", count: 64)
        try await registry.addToken(
            TokenEntry(id: "1", hash: hash, expiresAt: 600_000, usesLeft: 1, createdBy: "ada", createdAt: 0))
        try await AuditLog(registry: registry, retention: 600).append(
            AuditEntry(moment: 1, who: "", from: "unix", action: "join", subject: ""))

        var missing = Set(Records.all.map(\.folder))
        for entry in try await test.store.get(keys.everything, revision: 0).keys {
            let found = try #require(keys.kind(of: entry.key)?.kind, "\(entry.key)")
            missing.remove(found.folder)
            switch found.lease {
            case .none: #expect(entry.lease == .none, "\(entry.key)")
            case .session: #expect(entry.lease == lease, "\(entry.key)")
            case .own: #expect(entry.lease != .none && entry.lease != lease, "\(entry.key)")
            }
        }
        #expect(missing == ["stacks"], "a kind that nothing here writes")
    }

    /// What docs/design/registry.md says of a kind, apart from its value and who writes it.
    private static func row(_ kind: any AnyRecordKind) -> [String] {
        let keys = kind.pattern.split(separator: ", ").map { "`\($0)`" }.joined(separator: ", ")
        let rights = kind.agents.map { right in
            (right.access == .read ? "reads " : "writes ") + (right.scope == .own ? "its own" : "all")
        }
        return [
            keys, kind.lease.rawValue, rights.isEmpty ? "-" : rights.joined(separator: ", "),
            kind.isFollowed ? "yes" : "no", words(kind.backup),
        ]
    }

    private static func words(_ backup: RecordBackup) -> String {
        guard case .saved(let restoring, let scope) = backup else { return "-" }
        let way =
            switch restoring {
            case .first: "first"
            case .asUnit, .asWish: "yes"
            case .withUnit: "with its unit"
            case .ifAbsent: "where there is none"
            }
        return scope == .anyCluster ? way : "\(way), own cluster"
    }

    @Test("docs/design/registry.md has a row for each kind, in the table's order, that says what the table says")
    func documented() throws {
        let page = try Self.text("\(Shell.repository)/docs/design/registry.md")
        let part = try #require(page.firstRange(of: "\n## Kinds of records\n").map { page[$0.upperBound...] })
        let lines = part.split(separator: "\n").prefix { !$0.hasPrefix("## ") }.filter { $0.hasPrefix("|") }
        let rows = lines.dropFirst(2).map { line in
            line.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
        }
        for (row, kind) in zip(rows, Records.all) {
            try #require(row.count == 7, "\(row)")
            #expect([row[0]] + row[3...] == Self.row(kind), "the row of \(kind.folder)")
        }
        #expect(rows.count == Records.all.count)
    }
}
