// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One path of the API and what it does for each method.
///
/// Other subsystems add theirs through `FleetAPIServer(extraRoutes:)`.
package struct Route: Sendable {
    /// Answers one request; `parameters` are the decoded segments that the pattern leaves open, in order.
    package typealias Handler =
        @Sendable (_ request: ServerRequest, _ parameters: [String]) async throws(ServerFailure) -> ServerReply

    /// Segments; `{...}` stands for any one that is not empty.
    package var pattern: [String]
    /// In the order in which a refusal names them.
    package var handlers: [(method: String, handler: Handler)]
    /// What a method without handler is answered with.
    package var refusal: Int
    /// What every method needs of its caller; `nil` for the standard of each method.
    package var needs: Permission?

    /// - Parameters:
    ///   - pattern: Path such as `/fleet/v1/units/{name}`.
    ///   - needs: What every method needs of its caller; otherwise reading is for viewers and the rest for operators.
    ///   - refusal: 405 but for the discovery document, where fleet says 400.
    ///   - handlers: One for each method.
    package init(
        _ pattern: String, needs: Permission? = nil, refusal: Int = 405, _ handlers: KeyValuePairs<String, Handler>
    ) {
        self.needs = needs
        self.pattern = pattern.split(separator: "/").map(String.init)
        self.refusal = refusal
        self.handlers = handlers.map { ($0.key, $0.value) }
    }

    /// The path as it was given to `init`.
    package var path: String { "/" + pattern.joined(separator: "/") }

    /// The decoded open segments when `segments` fit the pattern.
    func match(_ segments: [String]) -> [String]? {
        guard segments.count == pattern.count else { return nil }
        var parameters: [String] = []
        for (segment, part) in zip(segments, pattern) {
            if part.hasPrefix("{") {
                guard !segment.isEmpty else { return nil }
                parameters.append(segment)
            } else if part != segment {
                return nil
            }
        }
        return parameters
    }

    func respond(_ request: ServerRequest, _ parameters: [String]) async throws(ServerFailure) -> ServerReply {
        // Before anything else: a caller without rights does not even learn which methods there are.
        try (needs ?? .standard(request.method)).check(request.caller, parameters)
        guard let entry = handlers.first(where: { $0.method == request.method }) else {
            let names = handlers.map(\.method)
            let last = names.last ?? ""
            let list = names.count > 1 ? "\(names.dropLast().joined(separator: ", ")) and \(last)" : last
            throw ServerFailure(refusal, names.isEmpty ? "" : "only \(list) supported against this resource")
        }
        return try await entry.handler(request, parameters)
    }
}

/// A request's path taken apart, by the rules of fleet's server.
struct RequestPath {
    /// Decoded; a trailing slash shows as an empty last segment.
    let segments: [String]

    init(_ path: some StringProtocol) {
        segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            PercentCoding.decode($0)
        }
    }

    /// Where to send a client whose path has empty, `.` or `..` segments; `nil` when the path is clean.
    ///
    /// A trailing slash is kept, since it names another, unknown resource.
    var redirection: String? {
        let last = segments.count - 1
        let isClean = segments.enumerated().allSatisfy { index, segment in
            segment != "." && segment != ".." && (!segment.isEmpty || index == last)
        }
        guard !isClean else { return nil }
        var clean: [String] = []
        for segment in segments {
            switch segment {
            case "", ".": continue
            case "..": _ = clean.popLast()
            default: clean.append(PercentCoding.encode(segment: segment))
            }
        }
        let keepsSlash = segments.last == "" && !clean.isEmpty
        return "/" + clean.joined(separator: "/") + (keepsSlash ? "/" : "")
    }
}
