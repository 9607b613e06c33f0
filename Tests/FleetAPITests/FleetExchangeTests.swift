// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Replays what fleet's own client sends, byte for byte, and compares whole answers: every header and every field.
///
/// Requests have the form that fleet's generated client gives them over a unix socket: `alt=json` on each, names
/// percent-encoded, host `domain-sock`, Go's order of headers, bodies with sorted keys and a newline at the end.
@Suite("Exchanges of fleet's client", .timeLimit(.minutes(5)))
struct FleetExchangeTests {
    /// One request and the whole answer to it.
    struct Step: Sendable {
        var request: String
        var body: String?
        var status: Int
        /// The answer's body; of an error the status alone, since fleet's words are free.
        var answer: JSON?
        /// What happens in the cluster before.
        var before: [ClusterEvent] = []
    }

    private static let options =
        #""options":[{"name":"Description","section":"Unit","value":"Hello"},"#
        + #"{"name":"ExecStart","section":"Service","value":"/bin/sleep 1"}]"#
    private static let machine: JSON = .text(Sample.machineA.rawValue)

    private static func unit(_ name: String, _ desired: String, _ current: String, on machine: JSON? = nil) -> JSON {
        var fields: [String: JSON] = [
            "name": .text(name), "options": Sample.helloJSON, "desiredState": .text(desired),
            "currentState": .text(current),
        ]
        fields["machineID"] = machine
        return .object(fields)
    }

    private static func state(_ name: String, active: String, sub: String) -> JSON {
        [
            "name": .text(name), "hash": .text(Sample.hello.hash.rawValue), "machineID": machine,
            "systemdLoadState": "loaded", "systemdActiveState": .text(active), "systemdSubState": .text(sub),
        ]
    }

    /// `fleetctl submit`, `load`, `start`, the listings, `cat`, `stop`, `unload` and `destroy` of an instance, in a row.
    private static let life: [Step] = {
        let path = "/fleet/v1/units/hello%401.service?alt=json"
        let name = "hello@1.service"
        func set(_ state: String) -> String { #"{"desiredState":"\#(state)","name":"\#(name)"}"# }
        return [
            // submit: the unit is looked up, then its template, then it is made.
            Step(request: "GET \(path)", status: 404, answer: ["code": 404]),
            Step(request: "GET /fleet/v1/units/hello%40.service?alt=json", status: 404, answer: ["code": 404]),
            Step(
                request: "PUT \(path)", body: #"{"desiredState":"inactive","name":"\#(name)",\#(options)}"#, status: 201
            ),
            Step(request: "GET \(path)", status: 200, answer: unit(name, "inactive", "inactive")),
            // Without any state yet the client must get an object, since it crashes on anything else.
            Step(request: "GET /fleet/v1/state/hello%401.service?alt=json", status: 200, answer: [:]),
            // load, and what its waiting sees.
            Step(request: "PUT \(path)", body: set("loaded"), status: 204),
            Step(
                request: "GET \(path)", status: 200, answer: unit(name, "loaded", "loaded", on: machine),
                before: [
                    Sample.machine(Sample.machineA), Sample.assigned(name, .loaded),
                    Sample.reported(name, .loaded, active: "inactive"),
                ]),
            // start.
            Step(request: "PUT \(path)", body: set("launched"), status: 204),
            Step(
                request: "GET \(path)", status: 200, answer: unit(name, "launched", "launched", on: machine),
                before: [Sample.assigned(name), Sample.reported(name)]),
            Step(
                request: "GET /fleet/v1/state/hello%401.service?alt=json", status: 200,
                answer: state(name, active: "active", sub: "running")),
            // list-units, list-unit-files, list-machines.
            Step(
                request: "GET /fleet/v1/state?alt=json", status: 200,
                answer: ["states": [state(name, active: "active", sub: "running")]]),
            Step(
                request: "GET /fleet/v1/units?alt=json", status: 200,
                answer: ["units": [unit(name, "launched", "launched", on: machine)]]),
            Step(
                request: "GET /fleet/v1/machines?alt=json", status: 200,
                answer: [
                    "machines": [
                        [
                            "id": machine, "primaryIP": "10.0.0.1", "metadata": ["role": "worker"],
                            "name": .text("host-\(Sample.machineA.short)"), "version": "1.2.3",
                            "capacity": ["processors": 2, "memory": 1_073_741_824],
                            "apiAddress": "tcp:10.0.0.1:49153",
                        ]
                    ]
                ]),
            // The same file again changes the state alone; another file replaces.
            Step(
                request: "PUT \(path)", body: #"{"desiredState":"launched","name":"\#(name)",\#(options)}"#, status: 204
            ),
            Step(
                request: "PUT \(path)",
                body:
                    #"{"desiredState":"launched","name":"\#(name)","options":[{"name":"ExecStart","section":"Service","#
                    + #""value":"/bin/true"}]}"#,
                status: 201),
            // stop, unload, destroy, and destroy of what is gone.
            Step(request: "PUT \(path)", body: set("loaded"), status: 204),
            Step(request: "PUT \(path)", body: set("inactive"), status: 204),
            Step(request: "DELETE \(path)", status: 204),
            Step(request: "DELETE \(path)", status: 404, answer: ["code": 404]),
            Step(request: "GET /fleet/v1/units?alt=json", status: 200, answer: [:]),
        ]
    }()

    /// Refusals that the client shows, and the pages of its listings.
    private static let refusals: [Step] = [
        Step(request: "GET /fleet/v1/units?alt=json&nextPageToken=EwBMLg%3D%3D", status: 400, answer: ["code": 400]),
        Step(request: "GET /fleet/v1/machines?alt=json&nextPageToken=ZAACAA%3D%3D", status: 200, answer: [:]),
        Step(
            request: "PUT /fleet/v1/units/a.service?alt=json", body: #"{"desiredState":"launched","name":"b.service"}"#,
            status: 400, answer: ["code": 400]),
        Step(
            request: "PUT /fleet/v1/units/a.service?alt=json", body: #"{"desiredState":"launched","name":"a.service"}"#,
            status: 409, answer: ["code": 409]),
        Step(request: "PUT /fleet/v1/units/a.service?alt=json", body: "{", status: 400, answer: ["code": 400]),
        Step(
            request: "PUT /fleet/v1/units/t%40.service?alt=json",
            body: #"{"desiredState":"inactive","name":"t@.service",\#(options)}"#, status: 201),
        Step(
            request: "PUT /fleet/v1/units/t%40.service?alt=json",
            body: #"{"desiredState":"loaded","name":"t@.service"}"#,
            status: 400, answer: ["code": 400]),
        Step(request: "POST /fleet/v1/units?alt=json", status: 405, answer: ["code": 405]),
        Step(request: "GET /fleet/v1/units/?alt=json", status: 404, answer: ["code": 404]),
        Step(
            request: "PATCH /fleet/v1/machines?alt=json",
            body: #"[{"op":"add","path":"/\#(Sample.machineA)/metadata/region","value":{"value":"eu"}}]"#, status: 204),
        Step(
            request: "PATCH /fleet/v1/machines?alt=json",
            body: #"[{"op":"move","path":"/\#(Sample.machineA)/metadata/region","value":"eu"}]"#, status: 400,
            answer: ["code": 400]),
    ]

    @Test("a unit's whole life, as fleet's client lives it over one connection")
    func wholeLife() async throws { try await replay(Self.life) }

    @Test("what is refused, and pages, as fleet's client meets them over one connection")
    func refused() async throws { try await replay(Self.refusals) }

    // MARK: Replaying

    private func replay(_ steps: [Step]) async throws {
        let cluster = MemoryCluster()
        try await withServer(cluster) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            defer { connection.end() }
            for step in steps {
                cluster.apply(step.before)
                connection.send(Self.bytes(of: step))
                let answer = try await Self.read(connection)
                try Self.check(answer, against: step)
            }
        }
    }

    /// The request as Go's HTTP client writes it.
    private static func bytes(of step: Step) -> String {
        var text = "\(step.request) HTTP/1.1\r\nHost: domain-sock\r\nUser-Agent: google-api-go-client/0.5\r\n"
        // Go ends JSON with a newline.
        let body = step.body.map { $0 + "\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\nContent-Type: application/json\r\n" }
        return text + "Accept-Encoding: gzip\r\n\r\n" + (body ?? "")
    }

    private struct RawAnswer {
        var status: String
        /// In lower case and in the order of names; none twice.
        var headers: [String: String]
        var body: String
    }

    private struct Malformed: Error {
        let text: String
    }

    private static func read(_ connection: RawConnection) async throws -> RawAnswer {
        var text = ""
        func more() async throws {
            let part = await connection.read()
            guard !part.isEmpty else { throw Malformed(text: text) }
            text += part
        }
        while !text.contains("\r\n\r\n") { try await more() }
        guard let end = text.firstRange(of: "\r\n\r\n") else { throw Malformed(text: text) }
        let lines = text[..<end.lowerBound].split(separator: "\r\n", omittingEmptySubsequences: false)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }.lowercased()
            guard headers[name] == nil else { throw Malformed(text: "\(name) twice in \(text)") }
            headers[name] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        func body() -> String { String(text[end.upperBound...]) }
        while body().utf8.count < length { try await more() }
        guard body().utf8.count == length else { throw Malformed(text: text) }
        return RawAnswer(status: String(lines[0]), headers: headers, body: body())
    }

    private static func check(_ answer: RawAnswer, against step: Step) throws {
        let reasons = [
            200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found",
            405: "Method Not Allowed", 409: "Conflict",
        ]
        #expect(answer.status == "HTTP/1.1 \(step.status) \(reasons[step.status] ?? "")", "\(step.request)")
        var headers = answer.headers
        headers["date"] = nil
        // Ours, on writes that succeeded: the store's revision.
        if let revision = headers.removeValue(forKey: "flotilla-revision") {
            #expect((201...204).contains(step.status) && Int64(revision) != nil, "\(step.request)")
        }
        var expected = ["server": "fleetd/9.9"]
        if step.status != 204 { expected["content-length"] = String(answer.body.utf8.count) }
        if step.answer != nil || step.request.hasPrefix("PATCH") { expected["content-type"] = "application/json" }
        #expect(headers == expected, "\(step.request)")

        guard let wanted = step.answer else {
            #expect(answer.body.isEmpty, "\(step.request)")
            return
        }
        var body = try JSON(parsing: answer.body.utf8)
        if step.status >= 400 {
            #expect(body.keys == ["error"] && body["error"]?.keys == ["code", "message"], "\(step.request)")
            #expect(body["error"]?["message"]?.string != nil, "\(step.request)")
            #expect(body["error"]?["code"] == wanted["code"], "\(step.request)")
            return
        }
        // Ours, of one unit: the author's text, which fleet does not keep.
        if case .object(var fields) = body, let contents = fields.removeValue(forKey: "contents") {
            #expect(contents.string?.isEmpty == false, "\(step.request)")
            body = .object(fields)
        }
        #expect(body == wanted, "\(step.request)")
    }
}
