// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What drives the shells from outside: time, chance, and where their tasks run.
///
/// The programs have the machine's own, `MachineClockwork`. A simulator has one that a seed drives in virtual time, so that the very
/// same shells run there. So a shell asks neither the machine nor Swift for the time, a pause, a random number or a task.
package protocol Clockwork: Sendable {
    /// Now, by a clock that goes on while the machine is suspended.
    var now: Moment { get }

    /// Milliseconds since 1970 by the machine's wall clock, for people.
    var wallMilliseconds: Int64 { get }

    /// Where a task runs that no other task waits for; `nil` means Swift's own pool.
    var executor: (any TaskExecutor)? { get }

    /// A number that nobody can guess.
    func random() -> UInt64

    /// Sleeps.
    ///
    /// - Parameters:
    ///   - span: How long.
    ///   - tolerance: By how much it may be longer; `nil` leaves that to the machine.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(for span: Duration, tolerance: Duration?) async throws
}

extension Clockwork {
    /// Sleeps for about `span`.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    package func sleep(for span: Duration) async throws { try await sleep(for: span, tolerance: nil) }

    /// Sleeps until `moment`; returns early when the task is cancelled.
    package func sleep(until moment: Moment) async {
        let left = moment.since(now)
        guard left > .zero else { return }
        try? await sleep(for: left, tolerance: .zero)
    }

    /// Begins a task that no other task waits for.
    @discardableResult
    package func spawn(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: executor) { await work() }
    }
}
