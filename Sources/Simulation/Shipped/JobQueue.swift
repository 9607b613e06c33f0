// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Timing

/// The jobs of all tasks of a history that can run now: they take no time, and the seed chooses their order.
///
/// A job runs between two events of the world, so nothing happens at once but what the world has ordered.
final class JobQueue {
    private unowned let world: World
    private var ready: [(job: UnownedJob, clockwork: WorldClockwork)] = []
    /// Numbers of its own: a job more does not change all that happens after it.
    private var random: SeededGenerator
    private(set) var count = 0

    /// As many at one moment mean that something goes round without an end.
    private static let limit = 200_000

    init(world: World) {
        self.world = world
        random = SeededGenerator(seed: world.setting.seed &* 2 &+ 7)
    }

    func append(_ job: UnownedJob, _ clockwork: WorldClockwork) { ready.append((job, clockwork)) }

    /// A number that nobody in the history can guess.
    func chance() -> UInt64 { random.next() }

    /// Runs jobs until none can run any more before time goes on.
    func run() {
        var left = Self.limit
        while !ready.isEmpty {
            let index = random.below(ready.count)
            world.mix(UInt64(ready.count) << 32 | UInt64(index))
            let (job, clockwork) = ready.remove(at: index)
            job.runSynchronously(
                isolatedTo: clockwork.asUnownedSerialExecutor(), taskExecutor: clockwork.asUnownedTaskExecutor())
            count += 1
            left -= 1
            if left == 0 {
                ready = []
                world.observer.violate(.r3, "\(Self.limit) jobs at one moment: tasks go round without a pause")
            }
        }
    }
}

/// Time, chance and tasks of one process, or of users, in a world.
///
/// The thread that runs the world is the only one that comes here: tasks run on this executor alone, and jobs on that thread.
final class WorldClockwork: Clockwork, TaskExecutor, SerialExecutor, @unchecked Sendable {
    private unowned let world: World
    /// Whose; `nil` for users, who have the world's time.
    private unowned let process: HostProcess?

    init(world: World, process: HostProcess?) {
        self.world = world
        self.process = process
    }

    var now: Moment { process.map(\.host.now) ?? Moment(nanoseconds: Span.second + world.now) }

    var wallMilliseconds: Int64 { 1_750_000_000_000 + world.now / Span.millisecond }

    var executor: (any TaskExecutor)? { self }

    func random() -> UInt64 { world.jobs.chance() }

    func enqueue(_ job: consuming ExecutorJob) { world.jobs.append(UnownedJob(job), self) }

    func sleep(for span: Duration, tolerance: Duration?) async throws {
        let end = Awaited<Bool>()
        if let process {
            process.wake(at: now + max(span, .zero)) { end.give(true) }
        } else {
            world.after(span.nanoseconds) { end.give(true) }
        }
        guard await end.value(cancelled: false) else { throw CancellationError() }
    }
}

/// One value that a task waits for: what came first, an answer, the end of the time for it, or the end of the task.
///
/// Only the thread that runs the world comes here.
final class Awaited<Value: Sendable>: @unchecked Sendable {
    private var known: Value?
    private var waiting: UnsafeContinuation<Value, Never>?

    /// Later calls change nothing.
    func give(_ value: Value) {
        guard known == nil else { return }
        known = value
        waiting?.resume(returning: value)
        waiting = nil
    }

    /// Waits for it, whether or not the task is cancelled.
    func value() async -> Value {
        await withUnsafeContinuation { continuation in
            if let known { continuation.resume(returning: known) } else { waiting = continuation }
        }
    }

    /// Waits for it until the task is cancelled.
    ///
    /// - Parameter cancelled: What counts as given when the task is cancelled first.
    /// - Returns: What was given first.
    func value(cancelled: Value) async -> Value {
        await withTaskCancellationHandler {
            await value()
        } onCancel: {
            give(cancelled)
        }
    }
}
