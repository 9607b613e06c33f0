// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import Glibc
import Synchronization
import Timing

/// Runs actors and tasks in virtual time: one job after the other, in an order that a seed chooses.
///
/// A task that is begun with `spawn` runs here, and so do its child tasks, the actors that they call, and all tasks that those begin
/// with this clockwork. Nothing happens outside `run(until:)`, so one seed makes one history. An actor that brings an executor of its
/// own, or a task that is begun without a clockwork, would run elsewhere and at its own pace; `foreignJobs` tells of it.
///
/// - Source: SE-0417, "Task Executor Preference".
package final class VirtualClockwork: Clockwork, TaskExecutor, SerialExecutor {
    private struct Timer {
        var time: Int64
        var number: Int
    }

    private struct State {
        var now: Int64 = 0
        var generator: SeededGenerator
        var story = Story(isTold: false)
        /// Jobs that can run now.
        var ready: [UnownedJob] = []
        /// When sleepers are to wake, the next one last; at one moment, in the order in which they went to sleep.
        var timers: [Timer] = []
        /// Who sleeps, by the number of the timer; a timer without a sleeper is over.
        var sleepers: [Int: CheckedContinuation<Void, any Error>] = [:]
        var timerCount = 0
        var jobCount = 0
        /// The thread that runs it now.
        var runner: pthread_t?
        var foreignJobs = 0
    }

    private let state: Mutex<State>

    /// The machine's wall clock when the history begins, in milliseconds since 1970.
    private static let wallStart: Int64 = 1_750_000_000_000

    package init(seed: UInt64) { state = Mutex(State(generator: SeededGenerator(seed: seed))) }

    /// A number that is the same for all histories in which the same happened in the same order.
    package var hash: UInt64 { state.withLock { $0.story.hash } }

    /// How many jobs have run.
    package var jobCount: Int { state.withLock { $0.jobCount } }

    /// How many jobs came from another thread while this one ran; with any, one seed may make two histories.
    package var foreignJobs: Int { state.withLock { $0.foreignJobs } }

    // MARK: Clockwork

    package var now: Moment { Moment(nanoseconds: Span.second + state.withLock { $0.now }) }

    package var wallMilliseconds: Int64 { Self.wallStart + state.withLock { $0.now } / Span.millisecond }

    package var executor: (any TaskExecutor)? { self }

    /// A number that the seed chooses.
    package func random() -> UInt64 { state.withLock { $0.generator.next() } }

    package func sleep(for span: Duration, tolerance: Duration?) async throws {
        let number = state.withLock { state in
            state.timerCount += 1
            return state.timerCount
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                lieDown(number, for: span, continuation)
            }
        } onCancel: {
            takeSleeper(number)?.resume(throwing: CancellationError())
        }
    }
}

// MARK: Running

extension VirtualClockwork {
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { state in
            if let runner = state.runner, pthread_equal(runner, pthread_self()) == 0 { state.foreignJobs += 1 }
            state.ready.append(job)
        }
    }

    /// Lets everything happen that happens within the next `span`.
    package func run(for span: Duration) {
        let end = state.withLock { state in
            state.runner = pthread_self()
            return state.now + span.nanoseconds
        }
        while true {
            while let job = takeJob() {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            guard let sleeper = takeDueSleeper(until: end) else { break }
            sleeper.resume()
        }
        state.withLock { state in
            state.now = max(state.now, end)
            state.runner = nil
        }
    }

    /// One of the jobs that can run now; threads of a pool would take them in any order, too.
    private func takeJob() -> UnownedJob? {
        state.withLock { state in
            guard !state.ready.isEmpty else { return nil }
            let index = state.generator.below(state.ready.count)
            state.jobCount += 1
            state.story.mix(UInt64(state.ready.count) << 32 | UInt64(index))
            return state.ready.remove(at: index)
        }
    }

    private func lieDown(_ number: Int, for span: Duration, _ sleeper: CheckedContinuation<Void, any Error>) {
        state.withLock { state in
            let time = state.now + max(0, span.nanoseconds)
            let index = state.timers.firstIndex { ($0.time, $0.number) < (time, number) } ?? state.timers.endIndex
            state.timers.insert(Timer(time: time, number: number), at: index)
            state.sleepers[number] = sleeper
        }
        // Who was cancelled before had no sleeper yet to wake.
        if Task.isCancelled { takeSleeper(number)?.resume(throwing: CancellationError()) }
    }

    private func takeSleeper(_ number: Int) -> CheckedContinuation<Void, any Error>? {
        state.withLock { $0.sleepers.removeValue(forKey: number) }
    }

    /// Goes on to the moment at which the next sleeper wakes, if that is not after `end`.
    private func takeDueSleeper(until end: Int64) -> CheckedContinuation<Void, any Error>? {
        state.withLock { state in
            while let timer = state.timers.last, timer.time <= end {
                state.timers.removeLast()
                guard let sleeper = state.sleepers.removeValue(forKey: timer.number) else { continue }
                state.now = timer.time
                state.story.mix(UInt64(timer.time))
                return sleeper
            }
            return nil
        }
    }
}
