// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import Testing

@Suite("The client")
struct FleetClientTests {
    /// Answers every request with the same, and keeps what was asked.
    private struct Canned: APITransport {
        var answer: Result<TransportResponse, TransportFailure>

        func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse { try answer.get() }

        func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
            let response = try answer.get()
            let (body, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
            continuation.yield(response.body)
            continuation.finish()
            return TransportStream(status: response.status, body: body)
        }
    }

    private static let endpoint = APIEndpoint.unix(path: "/run/x.sock")

    private func client(_ status: Int, _ body: String = "") -> FleetClient {
        let response = TransportResponse(status: status, body: Array(body.utf8))
        return FleetClient(endpoint: Self.endpoint, transport: Canned(answer: .success(response)))
    }

    @Test("a unit goes through its whole life", arguments: Reach.allCases)
    func life(reach: Reach) async throws {
        let cluster = MemoryCluster([Sample.machine(Sample.machineA)])
        try await withAPI(reach, cluster) { ask async throws in
            let client = ask.client()
            let name = "näh@1.service"
            let bad = await #expect(throws: APIError.self) { try await client.create(API.Unit(name: name)) }
            #expect(bad?.code == .refused)
            let unit = API.Unit(name: "n@1.service", contents: "# x\n[Service]\nExecStart=/bin/true\n")
            let created = try await client.create(unit)
            #expect(created.replaced && created.revision != nil)
            #expect(try await client.unit("n@1.service").contents == unit.contents)
            #expect(try await client.state("n@1.service") == nil)
            #expect(try await !client.setTarget("n@1.service", to: .launched).replaced)
            cluster.apply([Sample.assigned("n@1.service"), Sample.reported("n@1.service")])
            #expect(try await client.state("n@1.service")?.systemdActiveState == "active")
            #expect(try await client.states(machine: Sample.machineA.rawValue, unit: "n@1.service").count == 1)
            #expect(try await client.states(machine: Sample.machineB.rawValue).isEmpty)
            try await client.restart("n@1.service")
            #expect(try await client.units().map(\.restarts) == [1])
            #expect(try await client.explain("n@1.service").machineIDs == [Sample.machineA.rawValue])
            let option = API.UnitOption(section: "Service", name: "ExecStart", value: "/bin/false")
            #expect(try await client.replace(API.Unit(name: "n@1.service", options: [option])).replaced)
            #expect(try await client.unit("n@1.service").desiredState == "inactive")
            #expect(try await client.machines().map(\.primaryIP) == ["10.0.0.1"])
            try await client.patchMetadata([
                API.MetadataPatch(op: "add", path: "/\(Sample.machineA)/metadata/k", value: "v")
            ])
            #expect(cluster.metadata.count == 1)
            #expect(try await client.health().isOK)
            try await client.destroy("n@1.service")
            let gone = await #expect(throws: APIError.self) { try await client.unit("n@1.service") }
            #expect(gone?.code == .notFound)
        }
    }

    @Test("all pages of a server that sends pages are read")
    func pages() async throws {
        struct Pager: APITransport {
            func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
                let body =
                    request.target.contains("nextPageToken=abc%3D")
                    ? #"{"units":[{"name":"b.service"}]}"#
                    : #"{"units":[{"name":"a.service"}],"nextPageToken":"abc="}"#
                return TransportResponse(status: 200, body: Array(body.utf8))
            }

            func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
                throw TransportFailure(.broken, "not here")
            }
        }
        let client = FleetClient(endpoint: Self.endpoint, transport: Pager())
        #expect(try await client.units().map(\.name) == ["a.service", "b.service"])
    }

    @Test("a server that sends the same page for ever is found out")
    func endlessPages() async {
        let client = client(200, #"{"nextPageToken":"abc="}"#)
        let error = await #expect(throws: APIError.self) { try await client.units() }
        #expect(error?.code == .malformedAnswer)
    }

    @Test(
        "a refusal says what failed, where and why",
        arguments: [
            (400, APIError.Code.refused, false), (404, .notFound, false), (409, .conflict, false),
            (413, .refused, false),
            (500, .server, false), (503, .unavailable, true), (302, .malformedAnswer, false),
        ])
    func refusals(status: Int, code: APIError.Code, isTransient: Bool) async {
        let client = client(status, #"{"error":{"code":\#(status),"message":"the moon is full"}}"#)
        let error = await #expect(throws: APIError.self) { try await client.destroy("a.service") }
        #expect(error?.code == code)
        #expect(error?.status == status)
        #expect(error?.isTransient == isTransient)
        for part in ["destroy unit a.service", "the moon is full", "unix:/run/x.sock", "\(status)"] {
            #expect(error?.message.contains(part) == true)
        }
        #expect(error?.message.contains("\n") == false)
        let following = await #expect(throws: APIError.self) { _ = try await client.events() }
        #expect(following?.code == code)
    }

    @Test(
        "who cannot reach the server is told where it was sought, and how to name another where the program can be told one",
        arguments: [
            (TransportFailure.Kind.unreachable, APIError.Code.unreachable), (.timedOut, .timedOut),
            (.cancelled, .cancelled), (.broken, .connectionLost), (.untrusted, .unreachable),
        ])
    func failures(kind: TransportFailure.Kind, code: APIError.Code) async {
        let failure = TransportFailure(kind, "because")
        let client = FleetClient(
            endpoint: Self.endpoint, transport: Canned(answer: .failure(failure)), advice: "--there names another")
        let error = await #expect(throws: APIError.self) { try await client.units() }
        #expect(error?.code == code)
        #expect(error?.endpoint == "unix:/run/x.sock")
        #expect(error?.message.contains("nobody answers") == (kind == .unreachable))
        if kind == .untrusted { #expect(error?.message.contains("the clocks of both") == true) }
        if [.unreachable, .untrusted].contains(kind) {
            for part in ["unix:/run/x.sock", "because", "--there names another"] {
                #expect(error?.message.contains(part) == true)
            }
        }
        let silent = FleetClient(endpoint: Self.endpoint, transport: Canned(answer: .failure(failure)))
        let bare = await #expect(throws: APIError.self) { try await silent.units() }
        #expect(bare?.message.contains("names another") == false && bare?.message.hasSuffix(" ") == false)
    }

    @Test("an answer that is not ours is refused with words", arguments: ["", "<html>", "[]", #"{"units":5}"#])
    func nonsense(body: String) async {
        let client = client(200, body)
        let error = await #expect(throws: APIError.self) { try await client.units() }
        #expect(error?.code == .malformedAnswer)
        #expect(error?.message.contains("unix:/run/x.sock") == true)
    }

    @Test("nobody behind the socket is an error with the way out")
    func nobody() async throws {
        try await withTemporaryFolder { folder in
            let client = FleetClient(endpoint: .unix(path: "\(folder)/none.sock"))
            let error = await #expect(throws: APIError.self) { try await client.units() }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("\(folder)/none.sock") == true)
        }
    }
}
