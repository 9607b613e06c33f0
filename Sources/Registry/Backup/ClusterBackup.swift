// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What users want of a cluster, as one file: units, unit files, metadata laid over machines, who belongs to it, and whatever
/// later versions add.
///
/// What machines report and what the leader decides is not in it: that comes back by itself. Neither are join tokens and
/// the audit. Values are kept byte by byte as the store has them.
///
/// The file is JSON: `format`, `version`, `cluster`, `created` (milliseconds since 1970), `revision`, `checksum` (SHA-1 of the
/// records, against accidents only) and `records`, each with `key`, relative to the cluster's prefix, and `value`.
package struct ClusterBackup: Hashable, Sendable {
    package struct Record: Hashable, Sendable {
        /// Relative to the cluster's prefix, such as `units/web.service`.
        package var path: String
        package var value: String

        package init(path: String, value: String) {
            self.path = path
            self.value = value
        }

        /// What comes before the first slash.
        var kind: String { path.split(separator: "/", maxSplits: 1).first.map(String.init) ?? "" }

        /// What the table says of its kind; of a newer version's kind no more is known than that it was saved.
        var backup: RecordBackup { Records.kind(kind)?.backup ?? .saved(.asWish, into: .ownCluster) }
    }

    package static let format = "flotilla-backup"
    package static let version = 1

    package var cluster: String
    /// When it was made, in milliseconds since 1970.
    package var created: Int64
    /// The store's revision that it shows.
    package var revision: Int64
    /// Sorted by path.
    package var records: [Record]

    package init(cluster: String, created: Int64, revision: Int64, records: [Record]) {
        self.cluster = cluster
        self.created = created
        self.revision = revision
        self.records = records.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// The file's content.
    package var bytes: [UInt8] {
        let list = Self.list(records)
        let fields: [JSONObject.Field] = [
            JSONObject.Field(name: "format", value: .string(Self.format)),
            JSONObject.Field(name: "version", value: .number(Self.version)),
            JSONObject.Field(name: "cluster", value: .string(cluster)),
            JSONObject.Field(name: "created", value: .number(created)),
            JSONObject.Field(name: "revision", value: .number(revision)),
            JSONObject.Field(name: "checksum", value: .string(Self.checksum(list))),
            JSONObject.Field(name: "records", value: list),
        ]
        return JSONValue.object(JSONObject(fields)).bytes + [0x0A]
    }

    /// Reads a file and checks all that can be checked without a store.
    ///
    /// - Throws: `.invalid`, with words that say what is wrong with the file.
    package init(parsing bytes: [UInt8]) throws(RegistryError) {
        do {
            try self.init(JSONObject(bytes: bytes))
        } catch {
            throw RegistryError(code: .invalid, message: "the backup cannot be used: \(error.reason)")
        }
        try check()
    }

    private init(_ object: JSONObject) throws(RecordError) {
        guard try object.text("format") == Self.format else {
            throw RecordError("it is no backup of a Flotilla cluster")
        }
        let version = try object.integer("version", as: Int.self) ?? 0
        guard version == Self.version else {
            throw RecordError("it is of version \(version), and this program knows version \(Self.version) only")
        }
        guard case .array(let elements)? = object["records"] else { throw RecordError("field records is not a list") }
        guard try object.text("checksum") == Self.checksum(.array(elements)) else {
            throw RecordError("its checksum does not fit: it was cut short or changed")
        }
        var records: [Record] = []
        for element in elements {
            guard case .object(let record) = element, let path = try record.text("key"),
                let value = try record.text("value")
            else { throw RecordError("record \(records.count + 1) lacks its key or value") }
            records.append(Record(path: path, value: value))
        }
        self.init(
            cluster: try object.text("cluster") ?? "", created: try object.moment("created"),
            revision: try object.integer("revision", as: Int64.self) ?? 0, records: records)
    }

    private static func list(_ records: [Record]) -> JSONValue {
        .array(
            records.map {
                .object(
                    JSONObject([
                        JSONObject.Field(name: "key", value: .string($0.path)),
                        JSONObject.Field(name: "value", value: .string($0.value)),
                    ]))
            })
    }

    private static func checksum(_ list: JSONValue) -> String { SHA1.hexDigest(of: list.bytes) }
}

/// Looking at records before anything is written.
extension ClusterBackup {
    /// Checks every record, and that each unit's file is among them.
    private func check() throws(RegistryError) {
        var paths: Set<String> = []
        for record in records {
            guard paths.insert(record.path).inserted else { throw Self.refusal(record, "it is there twice") }
            if let reason = Self.fault(in: record) { throw Self.refusal(record, reason) }
        }
        for record in records where record.kind == Records.units.folder {
            guard let hash = try? TargetEntry(bytes: Array(record.value.utf8)).hash else { continue }
            guard paths.contains("\(Records.files.folder)/\(hash)") else {
                throw Self.refusal(record, "its unit file \(hash) is not in the backup")
            }
        }
    }

    private static func refusal(_ record: Record, _ reason: String) -> RegistryError {
        RegistryError(
            code: .invalid,
            message: "the backup cannot be used: record \(record.path.prefix(200).debugDescription): \(reason)")
    }

    /// What is wrong with a record, in words; `nil` when nothing is.
    static func fault(in record: Record) -> String? {
        let kind = record.kind
        let rest = record.path.dropFirst(kind.utf8.count)
        guard !kind.isEmpty, kind.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x2D }),
            !record.path.unicodeScalars.contains(where: { $0.value < 0x20 })
        else { return "its key is none of a cluster's" }
        if record.backup == .left { return "this kind does not belong into a backup" }
        let keys = RegistryKeys(cluster: .default)
        let key = keys.prefix + record.path
        let bytes = Array(record.value.utf8)
        guard let known = keys.kind(of: key) else {
            // A known kind's word with something else behind it; other kinds are a newer version's.
            return Records.kind(kind) != nil || rest.isEmpty ? "its key is none of a cluster's" : nil
        }
        do {
            if let hash = keys.name(of: key, Records.files) {
                let file = try Records.files.read(hash, bytes)
                return file.hash == hash || file.canonicalHash == hash ? nil : "the file has another hash"
            }
            try known.kind.check(bytes, at: known.tail)
            return nil
        } catch {
            return error.reason
        }
    }
}
