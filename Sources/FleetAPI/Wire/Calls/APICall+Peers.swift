// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Calls by which agents ask one another, and those that every server answers about itself.
extension APICall {
    static let peers: [APICall] =
        [renewSession, resignLead, rebootPeer, readPeerStore, adoptPeerStore] + gatePaths.map(gate)
    static let server: [APICall] = [readHealth, readOpenAPI, readDiscovery]

    package static let renewSession = APICall(
        "renewSession", .post, API.ownPrefix + "/machines/{id}/renewal",
        "Renew the session of the machine that asks, or prove to it that none can have ended",
        // One per second and machine while a store is out of reach.
        needs: .machineItself, audit: .refusals, body: .json(API.Renewal.self),
        answers: [Answer(200, "What the store said, or the proof.", .json(API.RenewalAnswer.self))],
        refusals: [409: "The lease is not that machine's."])

    package static let resignLead = APICall(
        "resignLead", .post, API.ownPrefix + "/machines/{id}/resignation",
        "End the lead of the machine that asks, if it still holds it", needs: .machineItself,
        body: .json(API.Resignation.self), answers: [Answer(204, "It is not the leader.")])

    package static let rebootPeer = APICall(
        "rebootPeer", .post, API.ownPrefix + "/peer/reboot", "Restart the machine that is asked, in order",
        needs: .machine, answers: [Answer(202, "It restarts.")],
        refusals: [500: "systemd does not do it; the message has its words."])

    package static let readPeerStore = APICall(
        "readPeerStore", .get, API.ownPrefix + "/peer/store",
        "Say how the machine that is asked stands to the store that answers it", needs: .machine,
        answers: [Answer(200, "How it stands.", .json(API.StoreReport.self))])

    package static let adoptPeerStore = APICall(
        "adoptPeerStore", .post, API.ownPrefix + "/peer/store/adoption",
        "Have the machine that is asked, and no other, adopt a store that it refuses", needs: .machine,
        body: .json(API.AdoptionOrder.self),
        answers: [Answer(200, "What came of it.", .json(API.Adoption.Outcome.self))])

    // MARK: The gate

    /// What stands behind `/machines/{id}/store` for what a worker asks of etcd: etcd's own paths, and one that looks at a member.
    package static let gatePaths = [
        "/v3/kv/range", "/v3/kv/txn", "/v3/lease/grant", "/v3/lease/keepalive", "/v3/lease/revoke", "/v3/watch",
        "/v3/maintenance/status", "/v3/cluster/member/list", "/member",
    ]

    /// The call of the gate at `path`, one of `gatePaths`.
    package static func gate(_ path: String) -> APICall {
        let words = path.split(separator: "/").filter { $0 != "v3" }
        return APICall(
            "gate" + words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(), .post,
            API.ownPrefix + "/machines/{id}/store\(path)",
            path == "/member"
                ? "Ask one member of etcd whether it answers, for a worker" : "Ask etcd \(path), for a worker",
            details: "Answers are etcd's own, or refuse in its words what the machine may not do.",
            needs: .machineItself,
            // Some each second and machine.
            audit: .refusals, body: .document("What etcd takes."),
            answers: [Answer(200, "What etcd says.", .document("etcd's answer."))])
    }

    // MARK: The server

    package static let readHealth = APICall(
        "readHealth", .get, "/healthz", "Say whether the server can do its work",
        answers: [
            Answer(200, "It can.", .json(API.Health.self)),
            Answer(503, "It cannot; reason says why.", .json(API.Health.self)),
        ])

    package static let readOpenAPI = APICall(
        "readOpenAPI", .get, "/openapi.json", "Read the API's document",
        answers: [Answer(200, "The document, in the form of OpenAPI 3.1.", .document("An OpenAPI document."))])

    package static let readDiscovery = APICall(
        "readDiscovery", .get, API.prefix + "/discovery", "Read the description that fleet's generated clients use",
        answers: [Answer(200, "The description.", .document("A Google API discovery document."))])
}
