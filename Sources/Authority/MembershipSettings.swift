// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
package import Identity

/// The agent's settings as joining a cluster writes them into their file.
package struct MembershipSettings: Sendable {
    package var cluster: String
    package var address: String
    package var apiPort: UInt16
    package var roles: [String]
    package var metadata: [String: String]
    package var etcdEndpoints: [String]
    package var etcdUser: String?
    /// The machines through which this one uses the store, `tls:ADDRESS:PORT`; none where it uses etcd itself.
    package var storeGates: [String]
    /// Whether etcd's certificates were signed by others than the cluster's authority.
    package var hasForeignEtcd: Bool
    package var folder: MachineFolder

    package static let standardFile = "/etc/flotilla/node-agent.conf"
    package static let standardPort: UInt16 = 49_154

    package init(
        cluster: String, address: String, apiPort: UInt16, roles: [String], metadata: [String: String],
        etcdEndpoints: [String], etcdUser: String?, storeGates: [String] = [], hasForeignEtcd: Bool,
        folder: MachineFolder
    ) {
        self.storeGates = storeGates
        self.cluster = cluster
        self.address = address
        self.apiPort = apiPort
        self.roles = roles
        self.metadata = metadata
        self.etcdEndpoints = etcdEndpoints
        self.etcdUser = etcdUser
        self.hasForeignEtcd = hasForeignEtcd
        self.folder = folder
    }

    /// The file's text.
    ///
    /// - Parameter former: What the file held before; its comments, and its settings that joining does not decide, stay as they are.
    /// - Returns: Lines of settings, each with its end.
    /// - Throws: `IdentityError` when a value could not stand on a line of its own.
    package func text(keeping former: String = "") throws(IdentityError) -> String {
        let former = FormerSettings(former)
        return former.text(with: try settings(beside: former.metadata))
    }

    /// Names and values, in order; `nil` for what joining decides and this membership has not.
    private func settings(
        beside kept: [String: String]
    ) throws(IdentityError) -> [(name: String, value: String?)] {
        var found: [(name: String, value: String?)] = []
        func add(_ name: String, _ value: String?) throws(IdentityError) {
            // What the cluster sends becomes a line of a file: it must stay one.
            if let value, value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == 0x22 || $0 == 0x5c }) {
                throw IdentityError(
                    .malformed, "the cluster sent a value for \(name) that cannot stand in a settings file")
            }
            found.append((name, value))
        }
        try add("FLOTILLA_ETCD_ENDPOINTS", etcdEndpoints.joined(separator: ","))
        try add("FLOTILLA_ETCD_USER", etcdUser)
        try add("FLOTILLA_ETCD_PASSWORD_FILE", etcdUser == nil ? nil : folder.etcdPasswordFile)
        let isSecured = etcdEndpoints.contains { $0.hasPrefix("https:") }
        let authorities = hasForeignEtcd ? folder.etcdAuthoritiesFile : folder.authoritiesFile
        try add("FLOTILLA_ETCD_CA_FILE", isSecured && storeGates.isEmpty ? authorities : nil)
        try add("FLOTILLA_STORE_GATES", storeGates.isEmpty ? nil : storeGates.joined(separator: ","))
        // An etcd that trusts others may want a certificate of theirs, which the operator brings; any other wants the machine's own.
        if !hasForeignEtcd {
            try add("FLOTILLA_ETCD_CERT_FILE", nil)
            try add("FLOTILLA_ETCD_KEY_FILE", nil)
        }
        try add("FLOTILLA_CLUSTER", cluster)
        try add("FLOTILLA_PUBLIC_IP", address)
        let host = address.contains(":") ? "[\(address)]" : address
        try add(
            "FLOTILLA_API_LISTEN", "unix:/run/flotilla/api.sock,tls:\(host):\(apiPort)")
        // Who joins proves himself and has others do so.
        try add("FLOTILLA_INSECURE", nil)
        try add("FLOTILLA_ROLES", roles.sorted().joined(separator: ","))
        if !metadata.isEmpty {
            if let complaint = MetadataPair.complaint(metadata) {
                throw IdentityError(.malformed, "the cluster sent metadata that no machine can have: \(complaint)")
            }
            let pairs = kept.merging(metadata) { _, sent in sent }
                .sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            try add(FormerSettings.metadataName, pairs.joined(separator: ","))
        }
        try add("FLOTILLA_IDENTITY_DIRECTORY", folder.path == MachineFolder.standard ? nil : folder.path)
        return found
    }
}
