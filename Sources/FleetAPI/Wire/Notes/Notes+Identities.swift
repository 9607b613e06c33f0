// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API.Authorities: Described {
    package static let notes: [String: FieldNote] = [
        "cluster": "The cluster's name.",
        "authorities": "Certificates, PEM; two while one authority takes over from the other.",
    ]
}

extension API.JoinRequest: Described {
    package static let notes: [String: FieldNote] = [
        "token": "The whole token.", "request": "A request for a certificate, PEM; the key stays on the machine.",
        "machine": .machineID, "name": "Its name.", "addresses": "Where its own API will be reached, at most 16.",
        "takesGates": "Whether its agent can use the store through other machines.",
    ]
}

extension API.JoinAnswer: Described {
    package static let notes: [String: FieldNote] = [
        "cluster": "The cluster's name.", "certificate": "The machine's, PEM.",
        "authorities": "Whom members believe, PEM.", "roles": "Some of agent, engine and api.",
        "metadata": "What the token gives it.", "etcd": "How it reaches etcd.",
    ]
}

extension API.EtcdLogin: Described {
    package static let notes: [String: FieldNote] = [
        "endpoints": "URLs of etcd's members.",
        "user": "Left out where etcd asks for no login.",
        "password": "Left out where etcd asks for no login.",
        "authorities": "Who signed etcd's certificates, PEM; left out where the cluster's own authority has.",
        "certificate": "What the machine shows etcd, for the key of its request, PEM; left out where there are gates.",
        "gates":
            "Where the API of machines answers through which it uses the store; left out where it uses etcd itself.",
    ]
}

extension API.CertificateOrder: Described {
    package static let notes: [String: FieldNote] = [
        "request": "A request for a certificate, PEM.", "addresses": "Where the machine's API is reached, at most 16.",
    ]
}

extension API.IssuedCertificate: Described {
    package static let notes: [String: FieldNote] = [
        "cluster": "The cluster's name.", "certificate": "PEM.", "authorities": "Whom members believe, PEM.",
        "endpoints": "Where the API answers over TLS, for a profile; empty for machines.",
        "etcdCertificate": "What a machine shows etcd, for the same key, PEM; left out for users.",
    ]
}

extension API.TokenOrder: Described {
    package static let notes: [String: FieldNote] = [
        "ttl": "How long it is good, in seconds, from 1 to 7 days.",
        "uses": "How many machines may join with it, 1 to 10000.",
        "roles": "Some of agent, engine and api.", "metadata": "What machines get that join with it, at most 64 pairs.",
    ]
}

extension API.NewToken: Described {
    package static let notes: [String: FieldNote] = [
        "token": "The whole token.", "endpoints": "Where to join, in the forms of --endpoint.",
    ]
}

extension API.Token: Described {
    package static let notes: [String: FieldNote] = [
        "id": "Its id, no secret.", "expiresAt": .moment, "usesLeft": "How many machines may still join with it.",
        "roles": "Some of agent, engine and api.", "metadata": "What machines get that join with it.",
        "createdBy": "Who made it.", "createdAt": .moment,
    ]
}

extension API.TokenList: Described {
    package static let notes: [String: FieldNote] = ["tokens": "All that there are."]
}

extension API.UserOrder: Described {
    package static let notes: [String: FieldNote] = [
        "name": "1 to 64 letters, digits, dots, underscores and hyphens.",
        "role": .one(of: API.Role.allCases.map(\.rawValue), "What the user may do."),
        "request": "A request for a certificate, PEM; the key stays with who asks.",
    ]
}

extension API.User: Described {
    package static let notes: [String: FieldNote] = [
        "name": "The user's name.", "role": .one(of: API.Role.allCases.map(\.rawValue), "What the user may do."),
        "createdAt": .moment, "revokedAt": "Milliseconds since 1970; left out unless revoked.",
    ]
}

extension API.UserList: Described {
    package static let notes: [String: FieldNote] = ["users": "All that there are, revoked ones too."]
}

extension API.Revocation: Described {
    package static let notes: [String: FieldNote] = ["since": .moment]
}

extension API.Member: Described {
    package static let notes: [String: FieldNote] = [
        "id": .machineID, "name": "Its name.", "roles": "Some of agent, engine and api.", "joinedAt": .moment,
        "revokedAt": "Milliseconds since 1970; left out unless revoked.",
        "cordoned": "True while an operator keeps new units off it, also while it is off; left out otherwise.",
        "passwordAwaited":
            "True while it has been asked for a new password in etcd and has none yet; left out otherwise.",
        "usesGates": "True where it uses etcd through other machines and has no password there; left out otherwise.",
    ]
}

extension API.MemberList: Described {
    package static let notes: [String: FieldNote] = ["machines": "All that have joined, revoked ones too."]
}

extension API.Rotation: Described {
    package static let notes: [String: FieldNote] = [
        "step": .one(
            of: ["begin", "finish"], "begin brings in a new authority beside the old, finish takes the old one away.")
    ]
}

extension API.StorePassword: Described {
    package static let notes: [String: FieldNote] = ["password": "What the machine has made."]
}

extension API.RootPasswordReport: Described {
    package static let notes: [String: FieldNote] = ["kept": "Why it is as it was; left out when it was changed."]
}

extension API.AuditEvent: Described {
    package static let notes: [String: FieldNote] = [
        "time": .moment, "caller": "Who, such as user:ada, machine:ID or unix:0.", "origin": "From where.",
        "action": "Method and path.", "unit": "The unit that it is about.", "before": "How it stood before.",
        "after": "How it stands after, or what was done.", "refusal": "Why it was refused; left out when it was done.",
    ]
}

extension API.AuditPage: Described {
    package static let notes: [String: FieldNote] = ["events": "In the order in which they were done."]
}
