// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// Texts of unit files, as their authors wrote them.
    package static let files = RecordKind<ContentHash, UnitFile>(
        "files/<hash>", lease: .none, agents: [.read(.all)], backup: .saved(.first, into: .anyCluster),
        events: RecordEvents(put: { (hash, file, _) in .filePut(hash, file.named(hash)) }, gone: { .fileGone($0) }),
        read: { (_, bytes) throws(RecordError) in try UnitFile(stored: bytes) })
}

extension RegistryKeys {
    package var files: KeySelector { all(Records.files) }
    package func file(_ hash: ContentHash) -> String { key(Records.files, hash) }
}
