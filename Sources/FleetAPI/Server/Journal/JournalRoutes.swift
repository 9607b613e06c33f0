// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials

/// The paths that give journals: of units, merged over machines, and of this machine alone for its peers.
package struct JournalRoutes: Sendable {
    private let access: any ClusterAccess
    private let sources: JournalSources
    private let times: JournalFeed.Times
    private let limits: JournalMerge.Limits

    /// - Parameters:
    ///   - access: The cluster, which says where units are.
    ///   - sources: The machines' journals.
    package init(access: any ClusterAccess, sources: JournalSources) {
        self.init(access: access, sources: sources, times: JournalFeed.Times())
    }

    init(
        access: any ClusterAccess, sources: JournalSources, times: JournalFeed.Times,
        limits: JournalMerge.Limits = JournalMerge.Limits()
    ) {
        self.access = access
        self.sources = sources
        self.times = times
        self.limits = limits
    }

    package var routes: [Route] {
        [
            Route(.readJournal) { (request, _) async throws(ServerFailure) in try await ofUnits(request) },
            Route(.readMachineJournal) { (request, names) async throws(ServerFailure) in
                try ofThisMachine(names[0], request)
            },
        ]
    }

    private func ofUnits(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let start = Self.now()
        let query = try Self.query(of: request)
        for machine in query.machines where MachineID(machine) == nil {
            throw ServerFailure(400, "'\(machine)' is no machine id: it must have 32 hexadecimal digits in lower case")
        }
        let cluster: ClusterState
        var updates: AsyncThrowingStream<ClusterUpdate, any Error>?
        do {
            cluster = try await access.state().state
            if query.follow, query.machines.isEmpty { updates = try await access.updates() }
        } catch {
            throw ServerFailure(error)
        }
        for name in query.units {
            let name = UnitName(unchecked: name)
            // What else runs on the machines is no business of those who may see the cluster's units.
            guard cluster.units[name] != nil || cluster.states[name] != nil else {
                throw ServerFailure(404, "unit \(name) does not exist")
            }
        }
        return Self.reply(
            JournalFeed(
                query: query, sources: sources, cluster: cluster, updates: updates, start: start, times: times,
                limits: limits))
    }

    private func ofThisMachine(_ id: String, _ request: ServerRequest) throws(ServerFailure) -> ServerReply {
        guard id == sources.machine.rawValue else {
            throw ServerFailure(404, "this is machine \(sources.machine), which has no journal of machine \(id)")
        }
        var query = try Self.query(of: request)
        query.machines = [id]
        // The server that asks tells its client of the delay.
        var limits = limits
        limits.silence = nil
        var cluster = ClusterState()
        cluster.apply(.machinePut(MachineRecord(id: sources.machine, name: "", address: "")))
        return Self.reply(
            JournalFeed(
                query: query, sources: sources, cluster: cluster, updates: nil, start: Self.now(), times: times,
                limits: limits))
    }

    private static func reply(_ feed: JournalFeed) -> ServerReply {
        var headers = [(name: "Content-Type", value: API.journalType), (name: "Cache-Control", value: "no-store")]
        if feed.query.follow { headers.append((name: API.journalBeganHeader, value: String(feed.start))) }
        return ServerReply(status: 200, headers: headers, body: .stream(feed))
    }

    /// Microseconds since 1970.
    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    /// What the request's parameters ask for.
    static func query(of request: ServerRequest) throws(ServerFailure) -> API.JournalQuery {
        var query = API.JournalQuery(units: [])
        for (name, value) in request.query {
            switch name {
            case "unit":
                let unit = try UnitRules.name(value).rawValue
                if !query.units.contains(unit) { query.units.append(unit) }
            case "machine": query.machines.append(value)
            case "lines":
                guard let lines = Int(value), (0...API.journalLineLimit).contains(lines) else {
                    throw ServerFailure(400, "lines must be a number from 0 to \(API.journalLineLimit); ask by since")
                }
                query.lines = lines
            case "since": query.since = try time(value, name)
            case "until": query.until = try time(value, name)
            case "follow":
                guard value == "true" || value == "false" else { throw ServerFailure(400, "follow is true or false") }
                query.follow = value == "true"
            default: throw ServerFailure(400, "a journal has no parameter '\(name)'")
            }
        }
        guard !query.units.isEmpty else { throw ServerFailure(400, "which unit? Name one with unit=") }
        guard query.units.count <= 1000 else { throw ServerFailure(400, "at most 1000 units at once") }
        return query
    }

    private static func time(_ text: String, _ name: String) throws(ServerFailure) -> Int64 {
        guard let time = Int64(text), time >= 0 else {
            throw ServerFailure(400, "\(name) must be a number of microseconds since 1970")
        }
        return time
    }
}
