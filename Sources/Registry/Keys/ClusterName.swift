// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The name of a cluster: what tells the clusters apart that share one etcd.
package struct ClusterName: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Accepts one to 63 lowercase letters, digits and hyphens, not beginning with a hyphen; anything else is `nil`.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-"),
            bytes.allSatisfy({
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-")
            })
        else { return nil }
        self.rawValue = text
    }

    private init(known text: String) { self.rawValue = text }

    /// The cluster that is meant when none is named.
    package static let `default` = ClusterName(known: "default")

    package var description: String { rawValue }
}
