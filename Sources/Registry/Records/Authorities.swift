// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension Records {
    /// The certificates to trust, and the machines that sign.
    package static let authorities = RecordKind<NoName, AuthoritiesEntry>(
        "authorities", lease: .none, agents: [.read(.all)], backup: .saved(.ifAbsent, into: .ownCluster),
        events: nil)
}

extension RegistryKeys {
    package var authorities: String { key(Records.authorities) }
}

/// The value of `authorities`: whom the machines of this cluster trust, and who signs for it.
package struct AuthoritiesEntry: StoredRecord {
    /// Certificates of the authorities in PEM; two while one takes over from the other.
    package var bundle: String
    /// API addresses of the machines that sign.
    package var signers: [String]
    /// The word of former authorities for their successors, in PEM; a machine believes a new one by it, and by nothing else.
    package var vouches: [String]

    package init(bundle: String, signers: [String], vouches: [String] = []) {
        self.bundle = bundle
        self.signers = signers
        self.vouches = vouches
    }

    package init(_ object: JSONObject) throws(RecordError) {
        bundle = try object.required("bundle", "certificates") { $0.isEmpty ? nil : $0 }
        signers = try object.texts("signers")
        vouches = try object.texts("vouches")
    }

    package func write(to object: inout JSONObject) {
        object["bundle"] = .string(bundle)
        object["signers"] = .array(signers.map { .string($0) })
        // Left out where there are none, as version 0.1 writes it.
        object["vouches"] = vouches.isEmpty ? nil : .array(vouches.map { .string($0) })
    }
}
