// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Logging

/// The real systemd behind `UnitManager`: one connection over sd-bus, on a thread of its own.
///
/// After `connect()` the connection is kept up: when it is lost, calls under way fail with transient errors, and the
/// manager connects again with growing pauses, subscribes again and reports what changed meanwhile. `close()` ends it.
package actor SystemdManager: UnitManager {
    /// Bounds that an operator may want to change.
    package struct Configuration: Sendable {
        /// How long a call may take; generous, since systemd answers nothing while it reads a thousand unit files.
        package var callTimeout: Duration = .seconds(60)
        /// The pause after the first lost connection; each further one doubles it.
        package var firstPause: Duration = .milliseconds(50)
        package var longestPause: Duration = .seconds(5)
        /// After this many failures in a row the log only speaks at level debug.
        package var loudAttempts = 5

        package init() {}
    }

    enum Link {
        case idle
        case connecting(BusConnection)
        case up(BusConnection)
        case waiting
        case closed
    }

    private let thread: BusThread
    let endpoints: [BusEndpoint]
    let configuration: Configuration
    let logger: Logger

    var link = Link.idle
    /// Whether the connection was up at least once, so that its loss is worth a report and a new attempt.
    var wasUp = false
    var failures = 0
    var retry: Task<Void, Never>?
    var connectWaiters: [CheckedContinuation<Result<Void, SystemdError>, Never>] = []
    /// The unique name of systemd on a brokered bus; signals from anybody else are lies.
    var ownerName: String?

    var jobs = JobTable() {
        didSet { admitJobs() }
    }
    /// Calls that were let through and have not got round to being sent.
    var admitted = 0
    /// Calls that wait because too many jobs are under way, in order.
    var jobQueue: [(limit: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var watches = WatchTable()
    var listeners: [Int: AsyncStream<UnitChange>.Continuation] = [:]
    var nextListener = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Prepares a manager without connecting.
    ///
    /// - Parameters:
    ///   - endpoints: Ways to systemd, tried in this order; `BusEndpoint.system()` or `.user()`.
    ///   - configuration: Bounds of time and noise.
    ///   - logger: Receives connection changes; nothing is logged per call.
    /// - Throws: `limitExceeded` or `system` when the thread cannot be made.
    package init(
        endpoints: [BusEndpoint], configuration: Configuration = Configuration(), logger: Logger
    ) throws(SystemdError) {
        thread = try BusThread()
        self.endpoints = endpoints
        self.configuration = configuration
        self.logger = logger
    }

    deinit {
        retry?.cancel()
        for listener in listeners.values { listener.finish() }
        thread.stop()
    }

    /// Which endpoint is in use, once connected.
    package var endpoint: BusEndpoint? { if case .up(let connection) = link { connection.endpoint } else { nil } }

    func serve(_ connection: BusConnection?) { thread.serve(connection) }

    /// The connection that calls travel on: also one that is still logging in, since calls queue behind the login.
    var connection: BusConnection? {
        switch link {
        case .connecting(let connection), .up(let connection): connection
        case .idle, .waiting, .closed: nil
        }
    }

    /// Sends a call; `completion` is called exactly once, on this actor.
    func submit(_ request: BusRequest, completion: @escaping BusConnection.Completion) {
        guard let connection else {
            return completion(
                .failure(
                    SystemdError(
                        code: .disconnected,
                        message: "systemd: \(request.subject): not connected just now, try again later",
                        isTransient: true)))
        }
        connection.call(request, completion: completion)
    }

    /// Sends a call and reads its reply.
    func call<Value: Sendable>(
        _ request: BusRequest, _ decode: @escaping (inout BusReader) throws(SystemdError) -> Value
    ) async throws(SystemdError) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, SystemdError>, Never>) in
            submit(request) { reply in
                continuation.resume(returning: Self.decode(reply, request.subject, decode))
            }
        }
        return try result.get()
    }

    func call(_ request: BusRequest) async throws(SystemdError) {
        try await call(request) { _ throws(SystemdError) in }
    }

    static func decode<Value>(
        _ reply: Result<BusMessage, SystemdError>, _ subject: String,
        _ decode: (inout BusReader) throws(SystemdError) -> Value
    ) -> Result<Value, SystemdError> {
        reply.flatMap { message in
            Result { () throws(SystemdError) in
                var reader = BusReader(message, subject: subject)
                return try decode(&reader)
            }
        }
    }
}
