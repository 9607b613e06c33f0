// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Calls about who belongs to the cluster.
extension APICall {
    static let identities: [APICall] = [
        readAuthorities, rotateAuthority, join, listMembers, revokeMachine, renewMachineCertificate,
        setMachinePassword, rotateMachinePassword, listTokens, createToken, revokeToken, listUsers, addUser, revokeUser,
        renewUserCertificate,
    ]

    package static let readAuthorities = APICall(
        "readAuthorities", .get, API.ownPrefix + "/authorities",
        "Read the certificates of the authorities that members believe", needs: API.Permission.none,
        answers: [Answer(200, "The authorities.", .json(API.Authorities.self))])

    package static let rotateAuthority = APICall(
        "rotateAuthority", .post, API.ownPrefix + "/authorities/rotate",
        "Bring in a new authority beside the old, or take the old one away", needs: .role(.admin), isAuthoritys: true,
        body: .json(API.Rotation.self),
        answers: [Answer(200, "Whom members believe now.", .json(API.Authorities.self))],
        refusals: [409: "The step does not fit the present state; the message says why."])

    // MARK: Machines

    package static let join = APICall(
        "join", .post, API.ownPrefix + "/join", "Make a machine one of the cluster, by a join token",
        needs: API.Permission.none, audit: .attempts, isAuthoritys: true, body: .json(API.JoinRequest.self),
        answers: [Answer(201, "All that it needs to run.", .json(API.JoinAnswer.self))],
        refusals: [
            403: "The token is not good; the answer does not say why.",
            409: "The machine is one of the cluster already; revoke it first if it is to join anew.",
        ])

    package static let listMembers = APICall(
        "listMembers", .get, API.ownPrefix + "/identities", "List the machines that have joined, alive or not",
        answers: [Answer(200, "The machines.", .json(API.MemberList.self))])

    package static let revokeMachine = APICall(
        "revokeMachine", .post, API.ownPrefix + "/machines/{id}/revoke",
        "Put a machine out of the cluster; it stops its units", needs: .role(.admin), answers: revocations,
        refusals: [404: "No such machine."])

    package static let renewMachineCertificate = APICall(
        "renewMachineCertificate", .post, API.ownPrefix + "/machines/{id}/certificate",
        "Have the machine's next certificate signed", needs: .machineItself, isAuthoritys: true,
        body: .json(API.CertificateOrder.self),
        answers: [Answer(200, "The certificate.", .json(API.IssuedCertificate.self))])

    package static let setMachinePassword = APICall(
        "setMachinePassword", .post, API.ownPrefix + "/machines/{id}/password",
        "Set the password that the machine has made for its own user in etcd", needs: .machineItself,
        isRepeatable: true, isAuthoritys: true, body: .json(API.StorePassword.self), answers: [Answer(204, "Set.")],
        refusals: [
            404: "No such machine, or it has no user in etcd.", 409: "The authority has no login at etcd.",
        ])

    package static let rotateMachinePassword = APICall(
        "rotateMachinePassword", .post, API.ownPrefix + "/machines/{id}/password/rotate",
        "Ask a machine to take a new password in etcd",
        details: "listMembers has passwordAwaited until it has.", needs: .role(.admin), isRepeatable: true,
        answers: [Answer(204, "It is asked.")],
        refusals: [404: "No such machine.", 409: "It uses etcd through gates and has no password there."])

    // MARK: Tokens

    package static let listTokens = APICall(
        "listTokens", .get, API.ownPrefix + "/tokens", "List the join tokens", needs: .role(.admin),
        answers: [Answer(200, "The tokens, without their secrets.", .json(API.TokenList.self))])

    package static let createToken = APICall(
        "createToken", .post, API.ownPrefix + "/tokens", "Make a join token", needs: .role(.admin),
        body: .json(API.TokenOrder.self),
        answers: [Answer(201, "The token, the only time that its secret is shown.", .json(API.NewToken.self))])

    package static let revokeToken = APICall(
        "revokeToken", .delete, API.ownPrefix + "/tokens/{id}", "Revoke a join token", needs: .role(.admin),
        answers: [Answer(204, "Revoked.")], refusals: [404: "No such token."])

    // MARK: Users

    package static let listUsers = APICall(
        "listUsers", .get, API.ownPrefix + "/users", "List the users", needs: .role(.admin),
        answers: [Answer(200, "The users.", .json(API.UserList.self))])

    package static let addUser = APICall(
        "addUser", .post, API.ownPrefix + "/users", "Add a user, whose key is made by who asks", needs: .role(.admin),
        isAuthoritys: true, body: .json(API.UserOrder.self),
        answers: [Answer(201, "The user's certificate.", .json(API.IssuedCertificate.self))],
        refusals: [409: "There is such a user."])

    package static let revokeUser = APICall(
        "revokeUser", .delete, API.ownPrefix + "/users/{name}", "Revoke a user", needs: .role(.admin),
        answers: revocations, refusals: [404: "No such user."])

    package static let renewUserCertificate = APICall(
        "renewUserCertificate", .post, API.ownPrefix + "/users/{name}/certificate",
        "Have the user's next certificate signed", needs: .userItself, isAuthoritys: true,
        body: .json(API.CertificateOrder.self),
        answers: [Answer(200, "The certificate.", .json(API.IssuedCertificate.self))])

    private static let revocations = [
        Answer(204, "Revoked."),
        Answer(200, "It was revoked already; the audit keeps nothing of it.", .json(API.Revocation.self)),
    ]
}
