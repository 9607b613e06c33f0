// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One call of the API: a method of one path, and all that is to be known of it.
///
/// The server's routes, the client's requests, who may call, what the audit keeps, the API's document and the table of
/// `docs/reference/api.md` come from these values; `all` has every one. fleet's calls are below `API.prefix`, ours below
/// `API.ownPrefix`.
package struct APICall: Sendable {
    package enum Method: String, Hashable, Sendable {
        case get = "GET"
        case put = "PUT"
        case post = "POST"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// What the audit keeps of a call, beside those that are refused for want of rights.
    package enum Audit: Hashable, Sendable {
        /// Nothing: it reads, or it is nobody's act but the machinery's own.
        case refusals
        /// Each that has changed something.
        case changes
        /// Each that has changed something or was refused, for whatever reason: who tries it and may not was after something.
        case attempts
    }

    /// Its name in the API's document, such as `listUnits`.
    package let name: String
    package let method: Method
    /// The whole path; a segment `{...}` stands for any one that is not empty.
    package let path: String
    /// What it needs of its caller.
    package let needs: API.Permission
    /// The largest body that it takes, in bytes, where that is more than the caller's class may send; `nil` for no more.
    package let largestBody: Int?
    package let audit: Audit
    /// Whether giving it twice does no more than giving it once; `nil` goes by the method.
    package let isRepeatable: Bool?
    /// Whether only the machine with the cluster's authority can do it; the others answer 421 and name that machine.
    package let isAuthoritys: Bool
    /// What it does, in one line for people, without a full stop.
    package let summary: String
    /// What else is to be known of it.
    package let details: String?
    /// What the query may hold.
    package let query: [Parameter]
    /// What it takes.
    package let body: Content
    /// How it succeeds.
    package let answers: [Answer]
    /// Why it is refused, by status, beside what every call is refused for.
    package let refusals: [Int: String]

    /// - Parameters:
    ///   - name: Its name in the API's document.
    ///   - method: Its method.
    ///   - path: The whole path, such as `/fleet/v1/units/{name}`.
    ///   - summary: What it does, in one line.
    ///   - details: What else is to be known of it.
    ///   - needs: What it needs of its caller; otherwise reading is for viewers and the rest for operators.
    ///   - largestBody: The largest body, where that is more than the caller's class may send.
    ///   - audit: What the audit keeps of it; otherwise nothing of what is read, and all changes.
    ///   - isRepeatable: Whether giving it twice does no more than giving it once; `nil` goes by the method.
    ///   - isAuthoritys: Whether only the machine with the authority can do it.
    ///   - query: What the query may hold.
    ///   - body: What it takes.
    ///   - answers: How it succeeds.
    ///   - refusals: Why it is refused, beside what every call is refused for.
    package init(
        _ name: String, _ method: Method, _ path: String, _ summary: String, details: String? = nil,
        needs: API.Permission? = nil, largestBody: Int? = nil, audit: Audit? = nil, isRepeatable: Bool? = nil,
        isAuthoritys: Bool = false, query: [Parameter] = [], body: Content = .nothing, answers: [Answer] = [],
        refusals: [Int: String] = [:]
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.needs = needs ?? .standard(method.rawValue)
        self.largestBody = largestBody
        self.audit = audit ?? (method == .get ? .refusals : .changes)
        self.isRepeatable = isRepeatable
        self.isAuthoritys = isAuthoritys
        self.summary = summary
        self.details = details
        self.query = query
        self.body = body
        self.answers = answers
        self.refusals = refusals
    }

    // MARK: Paths

    /// The path's segments, the open ones in braces.
    package var pattern: [String] { path.split(separator: "/").map(String.init) }

    /// The open segments, in order, with what stands for them.
    package var openParameters: [(name: String, words: String)] {
        zip(pattern, pattern.dropFirst()).filter { $1.hasPrefix("{") }.map { noun, segment in
            (String(segment.dropFirst().dropLast()), Self.nouns[noun] ?? "")
        }
    }

    /// What stands behind these segments.
    private static let nouns = [
        "units": "Full name of a unit, such as web.service.", "state": "Full name of a unit, such as web.service.",
        "machines": "Id of a machine, 32 hexadecimal digits in lower case.", "users": "Name of a user.",
        "tokens": "Id of a join token.",
        "operations": "Name of an operation, 1 to 40 of a-z, 0-9 and -.",
    ]

    /// Path and query of a request for this call, percent-encoded.
    ///
    /// - Parameters:
    ///   - names: What stands for the open segments, in order, as many as there are.
    ///   - query: Name and value of each parameter.
    /// - Returns: What the request's first line names.
    package func target(_ names: [String] = [], query: [(String, String)] = []) -> String {
        var rest = names[...]
        let segments = pattern.map { $0.hasPrefix("{") ? PercentCoding.encode(rest.popFirst() ?? "") : $0 }
        assert(rest.isEmpty && openParameters.count == names.count, "\(path) has other open segments than \(names)")
        let pairs = query.map { "\(PercentCoding.encode($0.0))=\(PercentCoding.encode($0.1))" }
        return "/" + segments.joined(separator: "/") + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    // MARK: The table

    /// All calls by what they are about.
    package static let groups: [(name: String, calls: [APICall])] = [
        ("units", units), ("states", states), ("machines", machines), ("operations", operations),
        ("journals", journals), ("cluster", cluster),
        ("identities", identities), ("stores", stores), ("peers", peers), ("server", server),
    ]

    /// All calls.
    package static let all: [APICall] = groups.flatMap(\.calls)
}
