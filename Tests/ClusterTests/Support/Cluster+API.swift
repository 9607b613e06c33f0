// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport

/// The HTTP API as any client sees it, and what the tests of fleet's scenarios share.
extension Cluster {
    /// One unit of a test.
    struct Unit: Sendable {
        var name: String
        var text: String

        init(_ name: String, _ text: String) {
            self.name = name
            self.text = text
        }

        /// A service that sleeps, with these lines of `[X-Fleet]`.
        static func sleeper(_ name: String, _ options: String...) -> Unit {
            Unit(name, Cluster.sleeper + "\n[X-Fleet]\n" + options.map { $0 + "\n" }.joined())
        }
    }

    /// Sends one request to any healthy machine.
    ///
    /// `agent` is the program that the request says it comes from; curl unless said otherwise.
    ///
    /// - Returns: The status and the body.
    @discardableResult
    func api(
        _ method: String, _ path: String, _ body: String? = nil, from agent: String? = nil
    ) async throws -> (status: Int, body: String) {
        let socket = try await control("socket").joined()
        var words = ["curl", "--silent", "--show-error", "--unix-socket", socket, "--request", method]
        words += ["--write-out", "\n%{http_code}", "http://machine/fleet/v1/\(path)"]
        if let agent { words += ["--user-agent", agent] }
        if let body { words += ["--header", "Content-Type: application/json", "--data", body] }
        let outcome = try await Shell.run(words)
        var lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard outcome.status == 0, let status = Int(lines.removeLast()) else {
            throw ClusterFailure("\(method) \(path): \(outcome.error)")
        }
        return (status, lines.joined(separator: "\n"))
    }

    /// Hands unit files to a verb of the command line, which does not wait, and returns what it said.
    @discardableResult
    func give(_ verb: String, _ units: [Unit], _ more: String...) async throws -> Shell.Outcome {
        try await withTemporaryFolder { folder in
            for unit in units { try write(unit.text, to: "\(folder)/\(unit.name)") }
            let noBlock = verb == "submit" ? [] : ["--no-block"]
            let outcome = try await manager([verb] + units.map { "\(folder)/\($0.name)" } + noBlock + more)
            guard outcome.status == 0 else { throw ClusterFailure("\(verb) failed: \(outcome.error)") }
            return outcome
        }
    }

    /// Lays metadata over machines for as long as `body` lasts, and removes every trace of it.
    func withMetadata<T>(_ metadata: [String: [String: String]], _ body: () async throws -> T) async throws -> T {
        for (machine, pairs) in metadata {
            for (key, value) in pairs { try await patch(machine, key, value) }
        }
        let result: Result<T, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        try await control("etcd", "ctl", "del", "--prefix", "/flotilla/default/metadata/")
        return try result.get()
    }

    /// Sets one key of a machine's metadata at run time; `nil` removes it.
    func patch(_ machine: String, _ key: String, _ value: String?) async throws {
        let id = try await inside(machine, "cat /etc/machine-id").joined()
        let change =
            value.map { #"{"op":"add","path":"/\#(id)/metadata/\#(key)","value":"\#($0)"}"# }
            ?? #"{"op":"remove","path":"/\#(id)/metadata/\#(key)"}"#
        let answer = try await api("PATCH", "machines", "[\(change)]")
        guard answer.status == 204 else { throw ClusterFailure("PATCH of \(machine): \(answer)") }
    }

    /// The machines on which each of these units is active, sorted.
    func places(_ units: [String]) async throws -> [String: [String]] {
        try await sightings(of: units).filter { $0.active == "active" }
            .reduce(into: [:]) { $0[$1.unit, default: []].append($1.machine) }.mapValues { $0.sorted() }
    }

    /// Why a unit is on no machine, as the API says it; empty when it is on one.
    func reason(_ unit: String) async throws -> String {
        let answer = try await api("GET", "units/\(unit)")
        let body = try JSONDecoder().decode(Reason.self, from: Data(answer.body.utf8))
        return body.machineID == nil ? body.reason ?? "" : ""
    }

    private struct Reason: Decodable {
        var machineID: String?
        var reason: String?
    }
}
