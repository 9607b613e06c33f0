// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension API {
    /// How far etcd lets in those whom nobody has admitted.
    package struct StoreOpenness: Codable, Hashable, Sendable {
        package var members: [StoreMember]
        /// Whether the agent that was asked has no certificate, as in a cluster that was made insecure; missing from servers of
        /// version 0.1.
        package var isInsecure: Bool?

        package init(members: [StoreMember], isInsecure: Bool? = nil) {
            self.members = members
            self.isInsecure = isInsecure
        }

        /// What has to be done about it, a line each; empty when nobody gets in who should not, and nobody is shut out soon.
        package var warnings: [String] {
            let own: String? =
                isInsecure == true
                ? "this cluster is insecure: the machine that answered has no certificate, so whoever gets into etcd may run "
                    + "anything on every machine; to secure it: cluster-manager cluster init --help" : nil
            return [own].compactMap { $0 } + members.flatMap(\.warnings)
        }
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
        /// Until when its certificate is good, in milliseconds since 1970; missing without TLS, and when it did not answer.
        package var certificateEndsAt: Int64?
        /// Whether that is past, or so near that a new one has to be made, by the clock of the agent that was asked.
        package var certificateEndsSoon: Bool?

        package init(
            endpoint: String, version: String? = nil, isPlain: Bool, takesStrangers: Bool? = nil,
            asksForLogin: Bool? = nil, letsUsersPastTheirRights: Bool? = nil, certificateEndsAt: Int64? = nil,
            certificateEndsSoon: Bool? = nil
        ) {
            self.endpoint = endpoint
            self.version = version
            self.isPlain = isPlain
            self.takesStrangers = takesStrangers
            self.asksForLogin = asksForLogin
            self.letsUsersPastTheirRights = letsUsersPastTheirRights
            self.certificateEndsAt = certificateEndsAt
            self.certificateEndsSoon = certificateEndsSoon
        }

        /// What has to be done about it, a line each; empty when nobody gets in who should not, and nobody is shut out soon.
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
            if certificateEndsSoon == true, let certificateEndsAt {
                let end = Date(timeIntervalSince1970: Double(certificateEndsAt) / 1000)
                lines.append(
                    "the certificate of etcd at \(endpoint) is good until \(end.formatted(.iso8601)), and no machine reaches "
                        + "etcd with one that is not; make it anew with the command that made it: cluster-manager cluster "
                        + "certificate etcd --help")
            }
            return lines
        }
    }
}
