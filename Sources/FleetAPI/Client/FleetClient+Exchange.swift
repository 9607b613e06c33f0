// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

extension FleetClient {
    /// Reads every page of a listing.
    func pages<Page: Decodable, Entry>(
        path: String, query: [(String, String)] = [], action: String,
        take: (Page) -> (entries: [Entry], next: String?)
    ) async throws(APIError) -> [Entry] {
        var entries: [Entry] = []
        var token: String?
        // Our server then answers in one piece, read at one revision; fleet's does not know the word and sends pages.
        let query = query + [("all", "true")]
        repeat {
            let page: Page = try await get(
                path, query: token.map { query + [("nextPageToken", $0)] } ?? query, action: action)
            let taken = take(page)
            entries += taken.entries
            guard taken.next != token || token == nil else {
                throw malformed("the same page twice", action: action)
            }
            token = taken.next
        } while token != nil
        return entries
    }

    func get<Answer: Decodable>(
        _ path: String, query: [(String, String)] = [], action: String
    ) async throws(APIError) -> Answer {
        let answer = try await send("GET", path, query: query, action: action)
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
        } catch {
            throw malformed("an answer that is not the JSON expected", from: answer.endpoint, action: action)
        }
    }

    /// Sends a request to one of our own paths and reads the answer.
    func ask<Answer: Decodable>(
        _ method: String, _ target: String, body: [UInt8] = [], isRepeatable: Bool? = nil, action: String
    ) async throws(APIError) -> Answer {
        let answer = try await exchange(
            method, target: target, body: body, isRepeatable: isRepeatable, action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
        } catch {
            throw malformed("an answer that is not the JSON expected", from: answer.endpoint, action: action)
        }
    }

    func put(_ unit: API.Unit, action: String) async throws(APIError) -> WriteResult {
        let body = try encode(unit, action: action)
        return Self.result(of: try await send("PUT", "/units/\(Self.escape(unit.name))", body: body, action: action))
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

    /// Sends a request to a path below the API's prefix and gives the answer, which is then a success.
    func send(
        _ method: String, _ path: String, query: [(String, String)] = [], body: [UInt8] = [], action: String
    ) async throws(APIError) -> TransportResponse {
        let answer = try await exchange(method, target: Self.target(path, query), body: body, action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
        return answer
    }

    /// `isRepeatable` says of a POST that giving it twice does no more than giving it once.
    func exchange(
        _ method: String, target: String, body: [UInt8], isRepeatable: Bool? = nil, action: String
    ) async throws(APIError) -> TransportResponse {
        do {
            var request = request(method, target: target, body: body)
            request.isRepeatable = isRepeatable
            return try await transport.send(request)
        } catch {
            throw APIError(error, action: action, of: self)
        }
    }

    func request(_ method: String, target: String, body: [UInt8] = [], accept: String = "application/json")
        -> TransportRequest
    {
        var headers = [(name: "Accept", value: accept)]
        if !body.isEmpty { headers.append((name: "Content-Type", value: "application/json")) }
        return TransportRequest(method: method, target: target, headers: headers, body: body, deadline: deadline)
    }

    func refusal(of answer: TransportResponse, action: String) -> APIError {
        let body = try? JSONDecoder().decode(API.ErrorBody.self, from: Data(answer.body))
        return APIError(
            status: answer.status, reason: body?.error.message ?? "", action: action,
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

    static func target(_ path: String, _ query: [(String, String)]) -> String {
        let pairs = query.map { "\(escape($0.0))=\(escape($0.1))" }
        return API.prefix + path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    /// Percent-encodes all but RFC 3986's unreserved characters.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return escaped
    }
}
