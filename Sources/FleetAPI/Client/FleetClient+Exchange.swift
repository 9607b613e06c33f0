// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

extension FleetClient {
    /// Reads every page of a listing.
    func pages<Page: Decodable, Entry>(
        _ call: APICall, query: [(String, String)] = [], action: String,
        take: (Page) -> (entries: [Entry], next: String?)
    ) async throws(APIError) -> [Entry] {
        var entries: [Entry] = []
        var token: String?
        // Our server then answers in one piece, read at one revision; fleet's does not know the word and sends pages.
        let query = query + [("all", "true")]
        repeat {
            let page: Page = try await ask(
                call, query: token.map { query + [("nextPageToken", $0)] } ?? query, action: action)
            let taken = take(page)
            entries += taken.entries
            guard taken.next != token || token == nil else {
                throw malformed("the same page twice", action: action)
            }
            token = taken.next
        } while token != nil
        return entries
    }

    /// Sends a request and reads the answer.
    func ask<Answer: Decodable>(
        _ call: APICall, _ names: [String] = [], query: [(String, String)] = [], body: [UInt8] = [], action: String
    ) async throws(APIError) -> Answer {
        let answer = try await send(call, names, query: query, body: body, action: action)
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
        } catch {
            throw malformed("an answer that is not the JSON expected", from: answer.endpoint, action: action)
        }
    }

    /// Sends a request with `value` as its body and reads the answer.
    func ask<Answer: Decodable>(
        _ call: APICall, _ names: [String] = [], giving value: some Encodable, action: String
    ) async throws(APIError) -> Answer {
        try await ask(call, names, body: encode(value, action: action), action: action)
    }

    func put(_ unit: API.Unit, action: String) async throws(APIError) -> WriteResult {
        let body = try encode(unit, action: action)
        return Self.result(of: try await send(.putUnit, [unit.name], body: body, action: action))
    }

    func encode(_ value: some Encodable, action: String) throws(APIError) -> [UInt8] {
        do {
            return [UInt8](try JSONEncoder().encode(value))
        } catch {
            throw APIError(
                code: .refused, endpoint: endpoint.description,
                message: "cannot \(action): the request cannot be written as JSON (\(error))")
        }
    }

    /// Sends a request and gives the answer, which is then a success.
    @discardableResult
    func send(
        _ call: APICall, _ names: [String] = [], query: [(String, String)] = [], body: [UInt8] = [], action: String
    ) async throws(APIError) -> TransportResponse {
        let answer = try await exchange(call, names, query: query, body: body, action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
        return answer
    }

    /// Sends a request and gives the answer, whatever it is.
    func exchange(
        _ call: APICall, _ names: [String] = [], query: [(String, String)] = [], body: [UInt8] = [], action: String
    ) async throws(APIError) -> TransportResponse {
        do {
            return try await transport.send(request(call, names, query: query, body: body))
        } catch {
            throw APIError(error, action: action, of: self)
        }
    }

    /// The request for a call; `names` stand for the open segments of its path.
    func request(
        _ call: APICall, _ names: [String] = [], query: [(String, String)] = [], body: [UInt8] = [],
        accept: String = "application/json"
    ) -> TransportRequest {
        var headers = [(name: "Accept", value: accept)]
        if !body.isEmpty { headers.append((name: "Content-Type", value: "application/json")) }
        return TransportRequest(
            method: call.method.rawValue, target: call.target(names, query: query), headers: headers, body: body,
            deadline: deadline, isRepeatable: call.isRepeatable)
    }

    func refusal(of answer: TransportResponse, action: String) -> APIError {
        let body = try? JSONDecoder().decode(API.ErrorBody.self, from: Data(answer.body))
        return APIError(
            status: answer.status, reason: body?.error.message ?? "", isHeld: body?.error.operation != nil,
            action: action,
            endpoint: answer.endpoint ?? endpoint.description)
    }

    /// `source` is who answered, where it is not the endpoint that the client names.
    func malformed(_ what: String, from source: String? = nil, action: String) -> APIError {
        let endpoint = source ?? endpoint.description
        return APIError(
            code: .malformedAnswer, endpoint: endpoint,
            message: "cannot \(action): \(endpoint) sent \(what); is it the API of a node-agent of this version?")
    }

    static func result(of answer: TransportResponse) -> WriteResult {
        WriteResult(replaced: answer.status == 201, revision: answer.header("Flotilla-Revision").flatMap { Int64($0) })
    }
}
