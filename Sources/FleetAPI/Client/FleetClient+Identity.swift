// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

/// Who belongs to the cluster, and what was done in it.
extension FleetClient {
    package func authorities() async throws(APIError) -> API.Authorities {
        try await ask(.readAuthorities, action: "read the cluster's authorities")
    }

    /// - Throws: `.refused` for a token that is unknown, used up, expired or revoked; the server does not say which.
    package func join(_ request: API.JoinRequest) async throws(APIError) -> API.JoinAnswer {
        try await ask(.join, giving: request, action: "join the cluster")
    }

    /// Has the next certificate of the calling machine signed.
    package func renewCertificate(
        of machine: String, _ order: API.CertificateOrder
    ) async throws(APIError) -> API.IssuedCertificate {
        try await ask(
            .renewMachineCertificate, [machine], giving: order, action: "renew the certificate of machine \(machine)")
    }

    package func createToken(_ order: API.TokenOrder) async throws(APIError) -> API.NewToken {
        try await ask(.createToken, giving: order, action: "create a join token")
    }

    package func tokens() async throws(APIError) -> [API.Token] {
        let list: API.TokenList = try await ask(.listTokens, action: "list the join tokens")
        return list.tokens
    }

    package func revokeToken(_ id: String) async throws(APIError) {
        try await send(.revokeToken, [id], action: "revoke join token \(id)")
    }

    package func addUser(_ order: API.UserOrder) async throws(APIError) -> API.IssuedCertificate {
        try await ask(.addUser, giving: order, action: "add user \(order.name)")
    }

    /// Has the next certificate of the calling user signed.
    package func renewCertificate(
        ofUser name: String, _ order: API.CertificateOrder
    ) async throws(APIError) -> API.IssuedCertificate {
        try await ask(.renewUserCertificate, [name], giving: order, action: "renew the certificate of user \(name)")
    }

    package func users() async throws(APIError) -> [API.User] {
        let list: API.UserList = try await ask(.listUsers, action: "list the users")
        return list.users
    }

    /// - Returns: Since when the user was revoked already, in milliseconds since 1970; `nil` when it was not.
    package func revokeUser(_ name: String) async throws(APIError) -> Int64? {
        try await revoke(.revokeUser, name, action: "revoke user \(name)")
    }

    package func members() async throws(APIError) -> [API.Member] {
        let list: API.MemberList = try await ask(.listMembers, action: "list the members")
        return list.machines
    }

    /// - Returns: Since when the machine was revoked already, in milliseconds since 1970; `nil` when it was not.
    package func revokeMachine(_ id: String) async throws(APIError) -> Int64? {
        try await revoke(.revokeMachine, id, action: "revoke machine \(id)")
    }

    package func rotateAuthority(_ step: String) async throws(APIError) -> API.Authorities {
        try await ask(.rotateAuthority, giving: API.Rotation(step: step), action: "rotate the cluster's authority")
    }

    /// Has etcd's root user take another password, which stays with the authority.
    package func rotateRootPassword() async throws(APIError) -> API.RootPasswordReport {
        try await ask(.rotateRootPassword, action: "change the password of etcd's root")
    }

    /// Asks a machine to take a new password for its user in etcd; `members()` says whether it has.
    package func rotatePassword(of machine: String) async throws(APIError) {
        try await send(.rotateMachinePassword, [machine], action: "ask machine \(machine) to take a new password")
    }

    /// Has the password set that the calling machine has made for its own user in etcd.
    package func setPassword(of machine: String, to password: String) async throws(APIError) {
        let action = "change the password of machine \(machine) in etcd"
        try await send(
            .setMachinePassword, [machine], body: encode(API.StorePassword(password: password), action: action),
            action: action)
    }

    /// Acts in the order in which they were done.
    ///
    /// `query` may hold `since` and `until` (milliseconds since 1970), `user`, `unit` and `limit`.
    package func audit(_ query: [(String, String)]) async throws(APIError) -> [API.AuditEvent] {
        let page: API.AuditPage = try await ask(.readAudit, query: query, action: "read the audit")
        return page.events
    }

    private func revoke(_ call: APICall, _ name: String, action: String) async throws(APIError) -> Int64? {
        let answer = try await send(call, [name], action: action)
        // 204 is the answer of who did it now.
        return (try? JSONDecoder().decode(API.Revocation.self, from: Data(answer.body)))?.since
    }
}
