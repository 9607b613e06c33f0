// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// The OpenAPI document of everything that the server answers, from the table of calls and the entities themselves.
enum OpenAPIDocument {
    /// Empty where an entity cannot be described, which a test would find.
    static let text: String = (try? document().json) ?? ""

    /// Makes the document; `book` has the schemas afterwards.
    static func document(_ book: SchemaBook = SchemaBook()) throws -> DocumentValue {
        var paths: [String: DocumentValue] = [:]
        for group in APICall.groups {
            for call in group.calls {
                var item = paths[call.path] ?? Self.item(call)
                item = item.with(call.method.rawValue.lowercased(), try operation(call, group.name, book))
                paths[call.path] = item
            }
        }
        let responses = try commonResponses(book)
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Flotilla API", "version": "1", "description": .text(introduction),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": .list([
                [
                    "url": "http://localhost",
                    "description": "The unix socket /run/flotilla/api.sock, or a listener at TLS or TCP.",
                ]
            ]),
            "tags": .list(APICall.groups.map { ["name": .text($0.name)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(book.schemas), "responses": .object(responses),
                "securitySchemes": [
                    "certificate": [
                        "type": "mutualTLS",
                        "description": "A certificate of the cluster; over the unix socket, the user at its other end.",
                    ]
                ],
            ],
        ]
    }

    private static let introduction =
        "fleet's API v1, field by field, and what Flotilla adds to it. Every path of fleet's under /fleet/v1 is served under "
        + "/v1-alpha too. A field whose value is empty is left out of fleet's answers; in its requests a field that is missing, null "
        + "or empty means the same. While etcd does not answer, what was read before is answered with its age in "
        + "X-Flotilla-As-Of and Age; all else is 503."

    // MARK: Calls

    private static func item(_ call: APICall) -> DocumentValue {
        let open = call.openParameters
        guard !open.isEmpty else { return [:] }
        return [
            "parameters": .list(
                open.map { name, words in
                    [
                        "name": .text(name), "in": "path", "required": .flag(true), "description": .text(words),
                        "schema": ["type": "string"],
                    ]
                })
        ]
    }

    private static func operation(_ call: APICall, _ group: String, _ book: SchemaBook) throws -> DocumentValue {
        let who = "Who may call it: \(call.needs.words)."
        var operation: DocumentValue = [
            "operationId": .text(call.name), "summary": .text(call.summary), "tags": .texts([group]),
            "description": .text(call.details.map { "\($0) \(who)" } ?? who),
            "security": call.needs == .none ? .list([]) : .list([["certificate": .texts([call.needs.words])]]),
            "responses": .object(try responses(of: call, book)),
        ]
        if !call.query.isEmpty { operation = operation.with("parameters", .list(call.query.map(parameter))) }
        if let content = try content(call.body, book) {
            operation = operation.with("requestBody", ["required": .flag(true), "content": content])
        }
        return operation
    }

    private static func parameter(_ parameter: APICall.Parameter) -> DocumentValue {
        let schema: DocumentValue
        switch parameter.kind {
        case .text: schema = ["type": "string"]
        case .number: schema = ["type": "integer", "format": "int64"]
        case .texts: schema = ["type": "array", "items": ["type": "string"]]
        case .words(let words): schema = ["type": "string", "enum": .texts(words)]
        }
        let value: DocumentValue = [
            "name": .text(parameter.name), "in": "query", "description": .text(parameter.summary), "schema": schema,
        ]
        return parameter.kind == .texts ? value.with("style", "form").with("explode", .flag(true)) : value
    }

    private static func content(_ content: APICall.Content, _ book: SchemaBook) throws -> DocumentValue? {
        switch content {
        case .nothing: return nil
        case .json(let type): return ["application/json": ["schema": try book.schema(of: type)]]
        case .list(let type):
            return ["application/json": ["schema": ["type": "array", "items": try book.schema(of: type)]]]
        case .document(let words):
            return ["application/json": ["schema": ["type": "object", "description": .text(words)]]]
        case .lines(let types):
            return [API.journalType: ["schema": ["oneOf": .list(try types.map { try book.schema(of: $0) })]]]
        case .events(let type):
            return [
                "text/event-stream": [
                    "schema": [
                        "type": "string", "contentMediaType": "application/json",
                        "contentSchema": try book.schema(of: type),
                    ]
                ]
            ]
        }
    }

    // MARK: Answers

    private static func responses(of call: APICall, _ book: SchemaBook) throws -> [String: DocumentValue] {
        var responses: [String: DocumentValue] = [:]
        for status in [400, 429, 503] + (call.needs == .none ? [] : [401, 403])
            + (call.body.isNothing ? [] : [413]) + (call.isAuthoritys ? [421] : [])
        {
            responses[String(status)] = .reference("responses", common[status]?.name ?? "")
        }
        for (status, words) in call.refusals { responses[String(status)] = try refusal(words, book) }
        for answer in call.answers {
            var response: DocumentValue = ["description": .text(answer.summary)]
            if let content = try content(answer.content, book) { response = response.with("content", content) }
            if answer.hasRevision {
                response = response.with(
                    "headers",
                    [
                        "Flotilla-Revision": [
                            "description": "The store's revision that holds the write.",
                            "schema": ["type": "integer", "format": "int64"],
                        ]
                    ])
            }
            responses[String(answer.status)] = response
        }
        return responses
    }

    private static func refusal(_ words: String, _ book: SchemaBook) throws -> DocumentValue {
        [
            "description": .text(words),
            "content": ["application/json": ["schema": try book.schema(of: API.ErrorBody.self)]],
        ]
    }

    /// What every call, or every one of a kind, is refused for.
    private static let common: [Int: (name: String, words: String)] = [
        400: ("BadRequest", "The request breaks a rule; the message says which."),
        401: ("Stranger", "Who asks shows no certificate of the cluster that counts."),
        403: ("Forbidden", "Who asks may not."),
        413: ("TooLarge", "The body is larger than who asks may send."),
        421: ("Elsewhere", "This machine does not have the cluster's authority; error.askAt says which has."),
        429: ("TooMany", "Too many requests, connections or streams at once."),
        503: ("Unavailable", "The server is unable to communicate with etcd."),
    ]

    private static func commonResponses(_ book: SchemaBook) throws -> [String: DocumentValue] {
        var responses: [String: DocumentValue] = [:]
        for (name, words) in common.values { responses[name] = try refusal(words, book) }
        return responses
    }
}
