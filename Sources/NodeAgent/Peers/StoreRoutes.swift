// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FoundationEssentials
import HTTPTransport

/// The operator's decision for a store, for all machines at once.
///
/// While agents refuse their store nobody can be looked up in it: the machine that is asked goes by its last view of the cluster.
struct StoreRoutes: Sendable {
    let question: StoreQuestion
    let roster: RosterFile
    /// How this machine proves itself to others; `nil` where there are no identities.
    let tls: TLSSettings?

    /// A survey is a handshake with every machine, and any viewer may ask for it.
    let shared = SharedAnswer<API.StoreSurvey>(for: .seconds(1))

    /// How long one other machine may take.
    private static let patience = Duration.seconds(10)
    /// How long to wait before looking again whether a machine is back.
    private static let pause = Duration.milliseconds(300)
    /// How many are asked at once: each connection is one handshake.
    private static let width = 32

    var routes: [Route] {
        [
            Route(.surveyStore) { (_, _) async throws(ServerFailure) in
                try Self.json(await shared.get { await survey() })
            },
            Route(.adoptStore) { (request, _) async throws(ServerFailure) in try await adopt(request) },
            Route(.readPeerStore) { (_, _) async throws(ServerFailure) in try Self.json(await question.report()) },
            // What the machine that was asked passes on; only to a store that the other one finds itself.
            Route(.adoptPeerStore) { (request, _) async throws(ServerFailure) in
                let found = try await Self.order(request)
                var reply = try Self.json(await question.adopt(found))
                reply.note = "store \(found)"
                return reply
            },
        ]
    }

    private func survey() async -> API.StoreSurvey {
        async let own = question.report()
        let others = await askOthers { client throws(APIError) in
            try await client.peerStore()
        } silent: { other, why in
            API.StoreReport(silent: other.id, name: other.name, problem: why)
        }
        return API.StoreSurvey(machines: [await own] + others)
    }

    private func adopt(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let found = try await Self.order(request)
        // This machine last: it ends soon after.
        let others = await askOthers { client throws(APIError) in
            try await Self.adoption(by: client, found)
        } silent: { other, why in
            API.Adoption.Outcome(machine: other.id, name: other.name, isDone: false, words: why)
        }
        let own = await question.adopt(found)
        var reply = try Self.json(API.Adoption(outcomes: [own] + others))
        reply.note = "store \(found)"
        return reply
    }

    /// Asks every other machine at once, as far as that goes; the answers come in the roster's order.
    private func askOthers<Answer: Sendable>(
        _ ask: @escaping @Sendable (FleetClient) async throws(APIError) -> Answer,
        silent: @escaping @Sendable (RosterFile.Other, String) -> Answer
    ) async -> [Answer] {
        let others = await roster.others
        return await withTaskGroup(of: (Int, Answer).self) { group in
            var answers: [Int: Answer] = [:]
            for (index, other) in others.enumerated() {
                if index >= Self.width, let (done, answer) = await group.next() { answers[done] = answer }
                group.addTask {
                    do throws(APIError) {
                        guard let client = client(for: other) else {
                            return (index, silent(other, "its API answers no other machine"))
                        }
                        return (index, try await ask(client))
                    } catch {
                        return (index, silent(other, error.message))
                    }
                }
            }
            for await (done, answer) in group { answers[done] = answer }
            return others.indices.compactMap { answers[$0] }
        }
    }

    private func client(for other: RosterFile.Other) -> FleetClient? {
        guard let endpoint = PeerEndpoint.read(other.endpoint, isSecured: tls != nil) else { return nil }
        return FleetClient(
            endpoint: endpoint, transport: CurlTransport(endpoint: endpoint, tls: tls), deadline: Self.patience)
    }

    /// Has another machine adopt the store; when its answer is lost, looks whether it did.
    ///
    /// It ends soon after it has taken the order; it answers first, but what goes wrong then takes the answer along.
    static func adoption(by client: FleetClient, _ found: String) async throws(APIError) -> API.Adoption.Outcome {
        do {
            return try await client.adoptPeerStore(found)
        } catch {
            guard error.code == .connectionLost || error.code == .timedOut else { throw error }
            let deadline = ContinuousClock.now + patience
            while ContinuousClock.now < deadline, !Task.isCancelled {
                if let report = try? await client.peerStore(), !report.isRefused {
                    return API.Adoption.Outcome(
                        machine: report.machine, name: report.name, isDone: true, words: "has adopted it")
                }
                try? await Task.sleep(for: pause)
            }
            throw error
        }
    }

    private static func order(_ request: ServerRequest) async throws(ServerFailure) -> String {
        guard let order = try? JSONDecoder().decode(API.AdoptionOrder.self, from: Data(try await request.body())) else {
            throw ServerFailure(400, "no store is named")
        }
        return order.found
    }

    private static func json(_ value: some Encodable) throws(ServerFailure) -> ServerReply {
        guard let bytes = try? JSONEncoder().encode(value) else { throw ServerFailure(500) }
        return ServerReply(
            status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }
}
