// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What can be asked of a unit through a job.
package enum UnitOperation: String, Hashable, Sendable, CaseIterable {
    case start
    case stop
    case restart
    case reloadOrRestart

    /// The manager's D-Bus method.
    var method: String {
        switch self {
        case .start: "StartUnit"
        case .stop: "StopUnit"
        case .restart: "RestartUnit"
        case .reloadOrRestart: "ReloadOrRestartUnit"
        }
    }
}

/// What to do about jobs that are queued already.
package enum JobMode: String, Hashable, Sendable, CaseIterable {
    /// Put the new job in the place of one that it contradicts.
    case replace
    /// The same, and no later job may take its place.
    case replaceIrreversibly = "replace-irreversibly"
    /// Refuse the new job when it contradicts one.
    case fail
    /// Ignore the unit's requirements; for recovery only.
    case ignoreDependencies = "ignore-dependencies"
}

/// How a job ended.
///
/// - Source: systemd 252, org.freedesktop.systemd1(5), JobRemoved.
package enum JobResult: String, Hashable, Sendable, CaseIterable {
    case done
    case failed
    /// A later job took its place, or somebody cancelled it.
    case canceled
    case timeout
    /// A unit that it needs failed.
    case dependency
    /// It did not apply, such as a reload of a unit that is not running.
    case skipped
    /// The job did not fit the state of the unit any more.
    case invalid
    case assert
    case unsupported
    case collected
    case once
    /// A word that this version does not know.
    case unknown

    init(word: String) { self = JobResult(rawValue: word) ?? .unknown }
}

/// A job that systemd has accepted.
package struct UnitJob: Sendable {
    package let unit: String
    /// The job's object path; jobs that systemd merged have the same one.
    package let path: String
    private let outcome: JobOutcome

    /// For implementations of `UnitManager`; `outcome` is to be resolved when the job is gone.
    package init(unit: String, path: String, outcome: JobOutcome) {
        self.unit = unit
        self.path = path
        self.outcome = outcome
    }

    /// Waits until the job is gone; answers at once if it is gone already.
    ///
    /// systemd bounds the wait by the unit's own time-outs, which may be infinite: cancel the task to give up.
    ///
    /// - Throws: `disconnected` (transient) when the connection went away first, and the result is then unknown;
    ///   `cancelled` when the task is cancelled, which leaves the job alone.
    package func result() async throws(SystemdError) -> JobResult { try await outcome.value().get() }
}

/// A one-time value that a job's end resolves and any number of tasks may wait for.
package final class JobOutcome: Sendable {
    package typealias Value = Result<JobResult, SystemdError>

    private struct State {
        var value: Value?
        var waiting: [Int: CheckedContinuation<Value, Never>] = [:]
        var nextKey = 0
    }

    private let state = Locked(State())

    package init() {}

    /// Sets the value; later calls change nothing.
    package func resolve(_ value: Value) {
        let waiting = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Value, Never>]() }
            state.value = value
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    func value() async -> Value {
        let key = state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { state -> Value? in
                    if let value = state.value { return value }
                    // The handler below may have run before there was anything to take away.
                    if Task.isCancelled { return Self.cancelled }
                    state.waiting[key] = continuation
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            let continuation = state.withLock { $0.waiting.removeValue(forKey: key) }
            continuation?.resume(returning: Self.cancelled)
        }
    }

    private static let cancelled = Value.failure(
        SystemdError(code: .cancelled, message: "systemd: waiting for a job was cancelled; the job itself goes on"))
}
