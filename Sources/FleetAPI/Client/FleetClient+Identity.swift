// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

/// Who belongs to the cluster, and what was done in it.
extension FleetClient {
    package func authorities() async throws(APIError) -> API.Authorities {
        try await ask("GET", "\(API.ownPrefix)/authorities", action: "read the cluster's authorities")
    }

    /// - Throws: `.refused` for a token that is unknown, used up, expired or revoked; the server does not say which.
    package func join(_ request: API.JoinRequest) async throws(APIError) -> API.JoinAnswer {
        let action = "join the cluster"
        return try await ask(
            "POST", "\(API.ownPrefix)/join", body: try encode(request, action: action), action: action)
    }

    /// Has the next certificate of the calling machine signed.
    package func renewCertificate(
        of machine: String, _ order: API.CertificateOrder
    ) async throws(APIError) -> API.IssuedCertificate {
        let action = "renew the certificate of machine \(machine)"
        return try await ask(
            "POST", "\(API.ownPrefix)/machines/\(Self.escape(machine))/certificate",
            body: try encode(order, action: action), action: action)
    }

    package func createToken(_ order: API.TokenOrder) async throws(APIError) -> API.NewToken {
        let action = "create a join token"
        return try await ask(
            "POST", "\(API.ownPrefix)/tokens", body: try encode(order, action: action), action: action)
    }

    package func tokens() async throws(APIError) -> [API.Token] {
        let list: API.TokenList = try await ask("GET", "\(API.ownPrefix)/tokens", action: "list the join tokens")
        return list.tokens
    }

    package func revokeToken(_ id: String) async throws(APIError) {
        try await tell("DELETE", "\(API.ownPrefix)/tokens/\(Self.escape(id))", action: "revoke join token \(id)")
    }

    package func addUser(_ order: API.UserOrder) async throws(APIError) -> API.IssuedCertificate {
        let action = "add user \(order.name)"
        return try await ask(
            "POST", "\(API.ownPrefix)/users", body: try encode(order, action: action), action: action)
    }

    /// Has the next certificate of the calling user signed.
    package func renewCertificate(
        ofUser name: String, _ order: API.CertificateOrder
    ) async throws(APIError) -> API.IssuedCertificate {
        let action = "renew the certificate of user \(name)"
        return try await ask(
            "POST", "\(API.ownPrefix)/users/\(Self.escape(name))/certificate",
            body: try encode(order, action: action), action: action)
    }

    package func users() async throws(APIError) -> [API.User] {
        let list: API.UserList = try await ask("GET", "\(API.ownPrefix)/users", action: "list the users")
        return list.users
    }

    /// - Returns: Since when the user was revoked already, in milliseconds since 1970; `nil` when it was not.
    package func revokeUser(_ name: String) async throws(APIError) -> Int64? {
        try await revoke("DELETE", "\(API.ownPrefix)/users/\(Self.escape(name))", action: "revoke user \(name)")
    }

    package func members() async throws(APIError) -> [API.Member] {
        let list: API.MemberList = try await ask("GET", "\(API.ownPrefix)/identities", action: "list the members")
        return list.machines
    }

    /// - Returns: Since when the machine was revoked already, in milliseconds since 1970; `nil` when it was not.
    package func revokeMachine(_ id: String) async throws(APIError) -> Int64? {
        try await revoke(
            "POST", "\(API.ownPrefix)/machines/\(Self.escape(id))/revoke", action: "revoke machine \(id)")
    }

    package func rotateAuthority(_ step: String) async throws(APIError) -> API.Authorities {
        let action = "rotate the cluster's authority"
        return try await ask(
            "POST", "\(API.ownPrefix)/authorities/rotate", body: try encode(API.Rotation(step: step), action: action),
            action: action)
    }

    /// Has etcd's root user take another password, which stays with the authority.
    package func rotateRootPassword() async throws(APIError) -> API.RootPasswordReport {
        try await ask(
            "POST", "\(API.ownPrefix)/authorities/password/rotate", action: "change the password of etcd's root")
    }

    /// Asks a machine to take a new password for its user in etcd; `members()` says whether it has.
    package func rotatePassword(of machine: String) async throws(APIError) {
        try await tell(
            "POST", "\(API.ownPrefix)/machines/\(Self.escape(machine))/password/rotate", isRepeatable: true,
            action: "ask machine \(machine) to take a new password")
    }

    /// Has the password set that the calling machine has made for its own user in etcd.
    package func setPassword(of machine: String, to password: String) async throws(APIError) {
        let action = "change the password of machine \(machine) in etcd"
        try await tell(
            "POST", "\(API.ownPrefix)/machines/\(Self.escape(machine))/password",
            body: try encode(API.StorePassword(password: password), action: action), isRepeatable: true, action: action)
    }

    /// Acts in the order in which they were done.
    ///
    /// `query` may hold `since` and `until` (milliseconds since 1970), `user`, `unit` and `limit`.
    package func audit(_ query: [(String, String)]) async throws(APIError) -> [API.AuditEvent] {
        let pairs = query.map { "\(Self.escape($0.0))=\(Self.escape($0.1))" }.joined(separator: "&")
        let page: API.AuditPage = try await ask(
            "GET", "\(API.ownPrefix)/audit" + (pairs.isEmpty ? "" : "?" + pairs), action: "read the audit")
        return page.events
    }

    private func revoke(_ method: String, _ target: String, action: String) async throws(APIError) -> Int64? {
        let answer = try await tell(method, target, action: action)
        // 204 is the answer of who did it now.
        return (try? JSONDecoder().decode(API.Revocation.self, from: Data(answer.body)))?.since
    }

    @discardableResult
    private func tell(
        _ method: String, _ target: String, body: [UInt8] = [], isRepeatable: Bool? = nil, action: String
    ) async throws(APIError) -> TransportResponse {
        let answer = try await exchange(
            method, target: target, body: body, isRepeatable: isRepeatable, action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
        return answer
    }
}
