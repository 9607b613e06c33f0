// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// The keys of one cluster: `/flotilla/<cluster>/` and what stands below.
///
/// Which kinds of keys there are stands in `Records`; each kind's own functions, in its file.
package struct RegistryKeys: Hashable, Sendable {
    package let cluster: ClusterName
    /// What every key of the cluster begins with.
    package let prefix: String

    package init(cluster: ClusterName) {
        self.cluster = cluster
        self.prefix = "/flotilla/\(cluster.rawValue)/"
    }

    package var everything: KeySelector { .prefix(prefix) }

    /// The key of the only record of a kind.
    func key<Value>(_ kind: RecordKind<NoName, Value>) -> String { prefix + kind.folder }

    /// The key of one record of a kind.
    func key<Name, Value>(_ kind: RecordKind<Name, Value>, _ name: Name) -> String {
        "\(prefix)\(kind.folder)/\(name.tail)"
    }

    /// All keys of a kind.
    package func all(_ kind: any AnyRecordKind) -> KeySelector {
        kind.isSingle ? .key(prefix + kind.folder) : .prefix("\(prefix)\(kind.folder)/")
    }

    /// A machine's own keys of a kind; `nil` where keys do not say whose they are.
    package func own(_ kind: any AnyRecordKind, of machine: MachineID) -> KeySelector? {
        kind.tail(of: machine).map { tail in
            let key = "\(prefix)\(kind.folder)/\(tail)"
            return tail.hasSuffix("/") ? .prefix(key) : .key(key)
        }
    }

    /// Whose record of a kind `key` is; `nil` when it is none of this kind.
    package func name<Name, Value>(of key: String, _ kind: RecordKind<Name, Value>) -> Name? {
        guard let parts = parts(of: key), parts.folder == kind.folder, kind.isSingle == (parts.tail == nil) else {
            return nil
        }
        return Name(tail: parts.tail ?? "")
    }

    /// Of which kind `key` is, and what stands behind the kind's word; `nil` when this version knows no such kind.
    ///
    /// An unknown key may come from a newer version, so it is reported to operators and left alone.
    package func kind(of key: String) -> (kind: any AnyRecordKind, tail: Substring)? {
        guard let parts = parts(of: key), let kind = Records.kind(parts.folder),
            kind.isSingle == (parts.tail == nil)
        else { return nil }
        return (kind, parts.tail ?? "")
    }

    /// The first word behind the prefix, and what follows its slash, if there is one.
    private func parts(of key: String) -> (folder: String, tail: Substring?)? {
        guard key.utf8.starts(with: prefix.utf8) else { return nil }
        let rest = key.utf8.dropFirst(prefix.utf8.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return (String(Substring(rest)), nil) }
        return (String(Substring(rest[..<slash])), Substring(rest[rest.index(after: slash)...]))
    }
}
