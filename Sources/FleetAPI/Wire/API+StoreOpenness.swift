// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// How far etcd lets in those whom nobody has admitted.
    package struct StoreOpenness: Codable, Hashable, Sendable {
        package var members: [StoreMember]

        package init(members: [StoreMember]) { self.members = members }
    }

    /// One member of etcd, as the agent that was asked finds it.
    package struct StoreMember: Codable, Hashable, Sendable {
        /// URL of the member.
        package var endpoint: String
        /// Missing when it did not answer.
        package var version: String?
        /// Whether it speaks without TLS.
        package var isPlain: Bool
        /// Whether it answers who shows no certificate; missing when it could not be asked.
        package var takesStrangers: Bool?
        /// Whether it asks for a login before it shows a key; missing when it could not be asked.
        package var asksForLogin: Bool?
        /// Whether its version is older than the one that keeps users to their rights; missing with the version.
        package var letsUsersPastTheirRights: Bool?

        package init(
            endpoint: String, version: String? = nil, isPlain: Bool, takesStrangers: Bool? = nil,
            asksForLogin: Bool? = nil, letsUsersPastTheirRights: Bool? = nil
        ) {
            self.endpoint = endpoint
            self.version = version
            self.isPlain = isPlain
            self.takesStrangers = takesStrangers
            self.asksForLogin = asksForLogin
            self.letsUsersPastTheirRights = letsUsersPastTheirRights
        }

        /// What stands open, a line each, with what to do about it; empty when nobody gets in who should not.
        package var warnings: [String] {
            var lines: [String] = []
            if isPlain || takesStrangers == true {
                lines.append(
                    "etcd at \(endpoint) takes anybody who reaches it, so anybody who does can make himself root on every "
                        + "machine; to close it: cluster-manager cluster certificate --help")
            }
            if asksForLogin == false {
                lines.append(
                    "etcd at \(endpoint) asks nobody for a login, so each machine can write for all; to turn its logins on: "
                        + "cluster-manager cluster init")
            }
            return lines
        }
    }
}
