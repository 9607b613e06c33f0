// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
package import FleetCore
import FoundationEssentials

/// Talks to the API of a node agent, or of a server of fleet.
///
/// Every method sends one request, or one per page of a listing, and throws `APIError`, whose message is meant for the
/// user as it stands.
package struct FleetClient: Sendable {
    package let endpoint: APIEndpoint
    let transport: any APITransport
    let deadline: Duration
    let advice: String?

    /// - Parameters:
    ///   - endpoint: Where the server answers; for messages, the transport has its own.
    ///   - transport: Carries the requests to that endpoint.
    ///   - deadline: How long one request may take.
    ///   - advice: How the user of this program can name another endpoint; `nil` where he cannot.
    package init(
        endpoint: APIEndpoint, transport: any APITransport, deadline: Duration = .seconds(30), advice: String? = nil
    ) {
        self.endpoint = endpoint
        self.transport = transport
        self.deadline = deadline
        self.advice = advice
    }

    /// What a write led to.
    package struct WriteResult: Hashable, Sendable {
        /// The unit was created, or its file replaced.
        package var replaced: Bool
        /// The store's revision that holds the write; `nil` when the server does not say.
        package var revision: Int64?
    }

    // MARK: Units

    /// All units, sorted by name.
    package func units() async throws(APIError) -> [API.Unit] {
        try await pages(.listUnits, action: "list the units") { (page: API.UnitPage) in
            (page.units, page.nextPageToken)
        }
    }

    /// - Throws: `APIError` with code `.notFound` when there is no such unit.
    package func unit(_ name: String) async throws(APIError) -> API.Unit {
        try await ask(.readUnit, [name], action: "read unit \(name)")
    }

    /// Creates `unit` from its options or contents, in its desired state, `inactive` when it names none.
    ///
    /// When the unit exists with another file, this replaces it: see `replace(_:)`.
    @discardableResult
    package func create(_ unit: API.Unit) async throws(APIError) -> WriteResult {
        try await put(unit, action: "create unit \(unit.name)")
    }

    /// Gives an existing unit the file that `unit` holds and the desired state it names, `inactive` when it names none.
    @discardableResult
    package func replace(_ unit: API.Unit) async throws(APIError) -> WriteResult {
        try await put(unit, action: "replace unit \(unit.name)")
    }

    /// Changes what the user wants of a unit that exists.
    @discardableResult
    package func setTarget(_ name: String, to target: TargetState) async throws(APIError) -> WriteResult {
        try await put(
            API.Unit(name: name, desiredState: target.rawValue), action: "set unit \(name) to \(target.rawValue)")
    }

    /// Asks the machine that runs the unit to restart it.
    @discardableResult
    package func restart(_ name: String) async throws(APIError) -> WriteResult {
        Self.result(of: try await send(.restartUnit, [name], action: "restart unit \(name)"))
    }

    /// Stops the unit wherever it runs and forgets it.
    @discardableResult
    package func destroy(_ name: String) async throws(APIError) -> WriteResult {
        Self.result(of: try await send(.destroyUnit, [name], action: "destroy unit \(name)"))
    }

    /// Why a unit is where it is, or on no machine.
    package func explain(_ name: String) async throws(APIError) -> API.Explanation {
        try await ask(.explainUnit, [name], action: "explain unit \(name)")
    }

    // MARK: States and machines

    /// What machines report of units, sorted by unit, then by machine; of one machine or one unit alone if named.
    package func states(machine: String? = nil, unit: String? = nil) async throws(APIError) -> [API.UnitState] {
        var query: [(String, String)] = []
        if let machine { query.append(("machineID", machine)) }
        if let unit { query.append(("unitName", unit)) }
        return try await pages(.listStates, query: query, action: "list the states") { (page: API.UnitStatePage) in
            (page.states, page.nextPageToken)
        }
    }

    /// What a machine reports of the unit; `nil` when none reports anything.
    ///
    /// - Throws: `APIError` with code `.notFound` when there is no such unit.
    package func state(_ name: String) async throws(APIError) -> API.UnitState? {
        let state: API.UnitState = try await ask(.readState, [name], action: "read the state of \(name)")
        return state.machineID.isEmpty ? nil : state
    }

    /// All machines that are alive, sorted by id.
    package func machines() async throws(APIError) -> [API.Machine] {
        try await pages(.listMachines, action: "list the machines") { (page: API.MachinePage) in
            (page.machines, page.nextPageToken)
        }
    }

    /// Changes metadata of machines, in order.
    ///
    /// Metadata set here win over those that a machine brings along.
    package func patchMetadata(_ patches: [API.MetadataPatch]) async throws(APIError) {
        let action = "change machine metadata"
        try await send(.patchMachines, body: encode(patches, action: action), action: action)
    }

    // MARK: The server

    /// Whether the server can do its work; a server that cannot is no error here, one that does not answer is.
    package func health() async throws(APIError) -> API.Health {
        let action = "ask for the server's health"
        let answer = try await exchange(.readHealth, action: action)
        if answer.status == 200 || answer.status == 503,
            let health = try? JSONDecoder().decode(API.Health.self, from: Data(answer.body))
        {
            return health
        }
        throw refusal(of: answer, action: action)
    }
}
