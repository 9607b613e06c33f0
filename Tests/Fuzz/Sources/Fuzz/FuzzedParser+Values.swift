// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Registry

extension FuzzedParser {
    /// Keys and values of etcd, which others may write, and backups, which come from anywhere.
    static var values: [FuzzedParser] {
        [
            FuzzedParser(
                name: "json",
                seeds: [
                    #"{"a":[1,-2.5e+3,true,null,"\u00e4\ud83d\ude00\n"],"b":{"c":{}}}"#, "[[[[]]]]", #""x""#, "1e9",
                    " { } ",
                ],
                feed: { bytes in
                    guard let value = try? JSONValue(parsing: bytes) else { return }
                    guard let again = try? JSONValue(parsing: value.bytes) else { fatalError("read once, not twice") }
                    require(again == value, "a value was changed by writing it")
                }),
            record(
                MachineEntry.self,
                #"{"id":"0123456789abcdef0123456789abcdef","name":"a","metadata":{"r":"w"},"capacity":{"processors":2}}"#
            ),
            record(
                TargetEntry.self,
                #"{"hash":"0123456789abcdef0123456789abcdef01234567","targetState":"launched","restarts":2}"#),
            record(
                StateEntry.self,
                #"{"hash":"0123456789abcdef0123456789abcdef01234567","active":"active","sub":"running"}"#),
            record(MetadataEntry.self, #"{"role":"worker","zone":null}"#),
            record(
                ResultEntry.self,
                #"{"machine":"0123456789abcdef0123456789abcdef","hash":"0123456789abcdef0123456789abcdef01234567","result":"failed"}"#
            ),
            record(LeaderEntry.self, #"{"machine":"0123456789abcdef0123456789abcdef"}"#),
            record(
                MachineIdentity.self,
                #"{"id":"0123456789abcdef0123456789abcdef","roles":["agent"],"joinedAt":1,"revokedAt":2}"#),
            record(UserIdentity.self, #"{"name":"ada","role":"admin","createdAt":1,"addedAt":2}"#),
            record(
                TokenEntry.self,
                #"{"id":"a","hash":"\#(String(repeating: "a", count: 64))","expiresAt":1,"createdAt":0,"usesLeft":3}"#),
            record(AuthoritiesEntry.self, #"{"bundle":"PEM","signers":["tcp:a:1"]}"#),
            record(AuditEntry.self, #"{"moment":1,"who":"user:ada","action":"unit.start","refusal":"no"}"#),
            FuzzedParser(
                name: "key",
                seeds: [
                    "units/web.service", "files/0123456789abcdef0123456789abcdef01234567", "leader",
                    "schedule/0123456789abcdef0123456789abcdef/a.service", "stacks/x/y", "identities/users/ada",
                ],
                feed: { bytes in
                    let keys = RegistryKeys(cluster: .default)
                    let key = keys.prefix + String(decoding: bytes, as: UTF8.self)
                    // The key made of what was read, for each kind whose names are more than a text.
                    let again = [
                        keys.name(of: key, Records.units).map(keys.unit),
                        keys.name(of: key, Records.files).map(keys.file),
                        keys.name(of: key, Records.machines).map(keys.machine),
                        keys.name(of: key, Records.schedule).map { keys.assignment($0.machine, $0.unit) },
                        keys.name(of: key, Records.states).map { keys.state($0.machine, $0.unit) },
                    ].compactMap(\.self)
                    require(again.count < 2, "a key is of two kinds")
                    require(again.allSatisfy { $0 == key }, "the key of a record is another's")
                }),
            FuzzedParser(
                name: "backup",
                seeds: [
                    String(
                        decoding: ClusterBackup(
                            cluster: "default", created: 1, revision: 2,
                            records: [
                                ClusterBackup.Record(path: "stacks/x", value: "y"),
                                ClusterBackup.Record(path: "metadata/0123456789abcdef0123456789abcdef", value: "{}"),
                            ]
                        ).bytes, as: UTF8.self)
                ],
                feed: { bytes in
                    guard let backup = try? ClusterBackup(parsing: bytes) else { return }
                    guard let again = try? ClusterBackup(parsing: backup.bytes) else {
                        fatalError("read once, not twice")
                    }
                    require(again == backup, "a backup was changed by writing it")
                }),
        ]
    }

    /// A record that is read, written over what it was read from, and read again, must be the same.
    private static func record<Record: StoredRecord>(_ type: Record.Type, _ seed: String) -> FuzzedParser {
        FuzzedParser(
            name: "\(type)", seeds: [seed, #"{"colour":"red","# + seed.dropFirst()],
            feed: { bytes in
                guard let record = try? Record(bytes: bytes) else { return }
                guard let merged = try? record.bytes(replacing: bytes), let again = try? Record(bytes: merged),
                    let alone = try? Record(bytes: record.bytes)
                else { fatalError("read once, not twice") }
                require(again == record && alone == record, "a record was changed by writing it")
            })
    }
}
