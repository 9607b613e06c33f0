// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials

/// Pairs as `--metadata` takes them.
enum Pairs {
    /// - Throws: `ClusterManagerError.usage`.
    static func parse(_ text: String) throws -> [String: String] {
        var pairs: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw ClusterManagerError(.usage, "'\(pair)' is not KEY=VALUE")
            }
            let (key, value) = (String(parts[0]), String(parts[1]))
            // The cluster says so, too; a machine that joined with such a pair could not start its agent.
            if let complaint = MetadataPair.complaint(key, value) { throw ClusterManagerError(.usage, complaint) }
            guard pairs.updateValue(value, forKey: key) == nil else {
                throw ClusterManagerError(.usage, MetadataChange.repeated(key))
            }
        }
        return pairs
    }
}

/// Moments as the tables about identities show them.
enum Clock {
    /// UTC to the second, with a Z behind; `-` for none.
    static func text(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return "-" }
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000)
            .formatted(.iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
            + "Z"
    }
}

/// A line of `token list`.
struct TokenRow: TableRow, Equatable {
    static let subjects = "join tokens"
    let id: String
    let expires: Int64
    let usesLeft: Int
    let roles: [String]
    let metadata: [String: String]
    let createdBy: String
    let created: Int64

    init(_ token: API.Token) {
        id = token.id
        expires = token.expiresAt
        usesLeft = token.usesLeft
        roles = token.roles
        metadata = token.metadata
        createdBy = token.createdBy
        created = token.createdAt
    }

    static let defaultFields = ["token", "expires", "uses", "roles", "metadata", "by"]
    static let columns: [Column<TokenRow>] = [
        Column("token") { row, _ in row.id },
        Column("expires") { row, _ in Clock.text(row.expires) },
        Column("uses") { row, _ in String(row.usesLeft) },
        Column("roles") { row, _ in row.roles.joined(separator: ",") },
        Column("metadata") { row, _ in
            row.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        },
        Column("by") { row, _ in row.createdBy },
        Column("created") { row, _ in Clock.text(row.created) },
    ]
}

/// A line of `cluster store`.
struct StoreMemberRow: TableRow, Equatable {
    static let subjects = "members of etcd"
    let endpoint: String
    let version: String?
    /// Whether it speaks without TLS.
    let isPlain: Bool
    let takesStrangers: Bool?
    let asksForLogin: Bool?
    let certificateEndsAt: Int64?

    init(_ member: API.StoreMember) {
        endpoint = member.endpoint
        version = member.version
        isPlain = member.isPlain
        takesStrangers = member.takesStrangers
        asksForLogin = member.asksForLogin
        certificateEndsAt = member.certificateEndsAt
    }

    static let defaultFields = ["endpoint", "version", "strangers", "login", "certificate"]
    static let columns: [Column<StoreMemberRow>] = [
        Column("endpoint") { row, _ in row.endpoint },
        Column("version") { row, _ in row.version ?? "-" },
        Column("strangers") { row, _ in
            if row.isPlain { return "taken, without TLS" }
            return row.takesStrangers.map { $0 ? "taken" : "closed" } ?? "-"
        },
        Column("login") { row, _ in row.asksForLogin.map { $0 ? "asked" : "not asked" } ?? "-" },
        Column("certificate") { row, _ in row.certificateEndsAt.map { "until \(Clock.text($0))" } ?? "-" },
    ]
}

/// A line of `user list`.
struct UserLine: TableRow, Equatable {
    static let subjects = "users"
    let name: String
    let role: String
    let created: Int64
    let revoked: Int64?

    init(_ user: API.User) {
        name = user.name
        role = user.role
        created = user.createdAt
        revoked = user.revokedAt
    }

    static let defaultFields = ["user", "role", "created", "revoked"]
    static let columns: [Column<UserLine>] = [
        Column("user") { row, _ in row.name },
        Column("role") { row, _ in row.role },
        Column("created") { row, _ in Clock.text(row.created) },
        Column("revoked") { row, _ in Clock.text(row.revoked) },
    ]
}

/// A line of `machine list`.
struct MemberRow: TableRow, Equatable {
    static let subjects = "machines that have joined"
    let id: String
    let name: String
    let roles: [String]
    /// Whether it has a session now.
    let alive: Bool
    let joined: Int64
    let revoked: Int64?
    /// Whether an operator keeps new units off it, also while it is off.
    let cordoned: Bool

    /// `alive` are the ids of the machines that are alive.
    init(_ member: API.Member, alive: Set<String>) {
        id = member.id
        name = member.name
        roles = member.roles
        self.alive = alive.contains(member.id)
        joined = member.joinedAt
        revoked = member.revokedAt
        cordoned = member.cordoned ?? false
    }

    static let defaultFields = ["machine", "name", "roles", "alive", "cordoned", "joined", "revoked"]
    static let columns: [Column<MemberRow>] = [
        Column("machine") { row, full in full ? row.id : FleetView.short(row.id) },
        Column("name") { row, _ in row.name },
        Column("roles") { row, _ in row.roles.joined(separator: ",") },
        Column("alive") { row, _ in row.alive ? "yes" : "no" },
        Column("cordoned") { row, _ in row.cordoned ? "yes" : "no" },
        Column("joined") { row, _ in Clock.text(row.joined) },
        Column("revoked") { row, _ in Clock.text(row.revoked) },
    ]
}

/// A line of `profile list`.
struct ProfileRow: TableRow, Equatable {
    static let subjects = "profiles"
    let name: String
    let cluster: String
    let user: String
    let endpoints: [String]
    let isCurrent: Bool

    fileprivate var shortEndpoints: String {
        guard let first = endpoints.first else { return "" }
        return endpoints.count == 1 ? first : "\(first)(+\(endpoints.count - 1))"
    }

    static let defaultFields = ["profile", "cluster", "user", "endpoint", "current"]
    static let columns: [Column<ProfileRow>] = [
        Column("profile") { row, _ in row.name },
        Column("cluster") { row, _ in row.cluster },
        Column("user") { row, _ in row.user },
        Column("endpoint") { row, full in full ? row.endpoints.joined(separator: ",") : row.shortEndpoints },
        Column("current") { row, _ in row.isCurrent ? "yes" : "-" },
    ]
}
