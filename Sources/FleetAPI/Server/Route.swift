// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

/// One call of the API and who answers it.
///
/// Other subsystems add theirs through `FleetAPIServer(extraRoutes:)`.
package struct Route: Sendable {
    /// Answers one request; `parameters` are the decoded segments that the pattern leaves open, in order.
    package typealias Handler =
        @Sendable (_ request: ServerRequest, _ parameters: [String]) async throws(ServerFailure) -> ServerReply

    package let call: APICall
    /// Segments; `{...}` stands for any one that is not empty.
    private(set) var pattern: [String]
    /// What another method of this path is answered with.
    let refusal: Int
    let handler: Handler

    /// - Parameters:
    ///   - call: What is answered: it says the method, the path, and what is needed of the caller.
    ///   - refusal: 405 but for the discovery document, where fleet says 400.
    ///   - handler: Answers it.
    package init(_ call: APICall, refusal: Int = 405, _ handler: @escaping Handler) {
        self.call = call
        self.pattern = call.pattern
        self.refusal = refusal
        self.handler = handler
    }

    /// The same below another prefix than `prefix`.
    func moved(from prefix: String, to other: String) -> Route {
        var route = self
        let rest = pattern.dropFirst(prefix.split(separator: "/").count)
        route.pattern = other.split(separator: "/").map(String.init) + rest
        return route
    }
}

/// All that is served, by path.
struct Router: Sendable {
    /// One path and its calls.
    struct Place: Sendable {
        let pattern: [String]
        /// In the order in which a refusal names them.
        var routes: [Route]

        /// Whether strangers may ask here.
        var isOpen: Bool { routes.contains { $0.call.needs == Permission.none } }

        func route(for method: String) -> Route? { routes.first { $0.call.method.rawValue == method } }

        /// What a method needs: one that is not served what it needs anywhere, unless the path has a right of its own.
        private func needs(_ method: String) -> Permission {
            if let route = route(for: method) { return route.call.needs }
            guard let call = routes.first?.call, call.needs != .standard(call.method.rawValue) else {
                return .standard(method)
            }
            return call.needs
        }

        func respond(_ request: ServerRequest, _ parameters: [String]) async throws(ServerFailure) -> ServerReply {
            // Before anything else: a caller without rights does not even learn which methods there are.
            try needs(request.method).check(request.caller, parameters)
            guard let route = route(for: request.method) else {
                let names = routes.map(\.call.method.rawValue)
                let last = names.last ?? ""
                let list = names.count > 1 ? "\(names.dropLast().joined(separator: ", ")) and \(last)" : last
                throw ServerFailure(routes.first?.refusal ?? 405, "only \(list) supported against this resource")
            }
            return try await route.handler(request, parameters)
        }

        /// The decoded open segments when `segments` fit the pattern.
        fileprivate func match(_ segments: [String]) -> [String]? {
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
    }

    let routes: [Route]
    private let places: [Place]

    init(_ routes: [Route]) {
        self.routes = routes
        var places: [Place] = []
        for route in routes {
            if let index = places.firstIndex(where: { $0.pattern == route.pattern }) {
                places[index].routes.append(route)
            } else {
                places.append(Place(pattern: route.pattern, routes: [route]))
            }
        }
        self.places = places
    }

    /// The place that a path means, and its decoded open segments.
    func place(at path: RequestPath) -> (place: Place, parameters: [String])? {
        for place in places {
            if let parameters = place.match(path.segments) { return (place, parameters) }
        }
        return nil
    }

    /// The call that a request means.
    func call(_ method: String, _ path: RequestPath) -> APICall? { place(at: path)?.place.route(for: method)?.call }

    /// What the audit keeps of a request; of a method that is not served what it keeps of those that are refused there.
    func audit(_ method: String, _ path: RequestPath) -> APICall.Audit {
        guard let place = place(at: path)?.place else { return .refusals }
        if let route = place.route(for: method) { return route.call.audit }
        return place.routes.contains { $0.call.audit == .attempts } ? .attempts : .refusals
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
            default: clean.append(PercentCoding.encode(segment, keeping: "@:"))
            }
        }
        let keepsSlash = segments.last == "" && !clean.isEmpty
        return "/" + clean.joined(separator: "/") + (keepsSlash ? "/" : "")
    }
}
