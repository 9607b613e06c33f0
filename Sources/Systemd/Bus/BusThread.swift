// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// What the bus thread serves beside the jobs of its actor: one connection.
///
/// Every member is called on the bus thread only.
package protocol BusSource: AnyObject {
    /// Handles what has arrived and writes what waits to be written, until neither is left.
    func pump()
    /// What to wait for; `nil` when there is nothing.
    func interest() -> BusInterest?
    /// Gives everything back; called once, when the thread ends.
    func close()
}

/// What to wait for on behalf of a source.
package struct BusInterest {
    package var descriptor: Int32
    /// As for poll(2).
    package var events: Int16
    /// CLOCK_MONOTONIC microseconds at which to pump all the same; `nil` for never.
    package var deadline: UInt64?

    package init(descriptor: Int32, events: Int16, deadline: UInt64?) {
        self.descriptor = descriptor
        self.events = events
        self.deadline = deadline
    }
}

/// A thread that runs the jobs of one actor and serves that actor's bus connection between them.
///
/// sd-bus connections may be used on one thread only and want to be polled; Swift's own pool offers neither. The
/// thread lives until `stop()`, which the owner must call; it keeps the executor alive itself.
package final class BusThread: SerialExecutor, @unchecked Sendable {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var stopping = false
        var thread: pthread_t?
    }

    private let queue = Locked(Queue())
    private let wakeDescriptor: Int32
    /// Touched on the thread only.
    private var source: (any BusSource)?

    /// Starts the thread.
    ///
    /// - Throws: `SystemdError` with code `limitExceeded` or `system` when the kernel refuses a descriptor or a thread.
    package init() throws(SystemdError) {
        let descriptor = flt_eventfd()
        guard descriptor >= 0 else { throw SystemdError(errno: descriptor, subject: "cannot make an eventfd") }
        wakeDescriptor = descriptor
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let failure = pthread_create(&thread, nil, Self.entry, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw SystemdError(errno: failure, subject: "cannot start the bus thread")
        }
        pthread_detach(thread)
    }

    deinit { Glibc.close(wakeDescriptor) }

    private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        let thread = Unmanaged<BusThread>.fromOpaque(context).takeRetainedValue()
        flt_name_thread("systemd-bus")
        thread.queue.withLock { $0.thread = pthread_self() }
        thread.run()
        return nil
    }

    /// Ends the thread after the jobs that are queued now.
    package func stop() {
        queue.withLock { $0.stopping = true }
        flt_eventfd_wake(wakeDescriptor)
    }

    /// Puts a connection in the care of the thread, or takes it away; on the thread only.
    package func serve(_ source: (any BusSource)?) { self.source = source }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = queue.withLock { queue in
            queue.jobs.append(job)
            return queue.jobs.count == 1
        }
        // With a job already waiting the thread is awake, or its wake is on the way.
        if isFirst { flt_eventfd_wake(wakeDescriptor) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    package func checkIsolated() {
        precondition(isCurrent, "code of the bus thread was entered on another thread")
    }

    private var isCurrent: Bool {
        queue.withLock { queue in
            guard let thread = queue.thread else { return false }
            return pthread_equal(thread, pthread_self()) != 0
        }
    }

    private func run() {
        while true {
            let stopping = runJobs()
            if stopping {
                source?.close()
                source = nil
                return
            }
            source?.pump()
            // Pumping may have made jobs ready; each of them wakes the descriptor, so waiting is safe in any case.
            wait()
        }
    }

    /// Runs what is queued, and what that queues in turn.
    private func runJobs() -> Bool {
        while true {
            let (jobs, stopping) = queue.withLock { queue in
                let jobs = queue.jobs
                queue.jobs = []
                return (jobs, queue.stopping)
            }
            if jobs.isEmpty { return stopping }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    private func wait() {
        let interest = source?.interest()
        var descriptors = [pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)]
        var timeout: Int32 = -1
        if let interest {
            descriptors.append(pollfd(fd: interest.descriptor, events: interest.events, revents: 0))
            if let deadline = interest.deadline { timeout = Self.milliseconds(until: deadline) }
        }
        // EINTR and every other outcome lead to the same next step: look at everything again.
        _ = poll(&descriptors, nfds_t(descriptors.count), timeout)
        if descriptors[0].revents != 0 { flt_eventfd_drain(wakeDescriptor) }
    }

    /// Rounded up, since waking early would spin until the deadline.
    private static func milliseconds(until deadline: UInt64) -> Int32 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
        guard deadline > microseconds else { return 0 }
        return Int32(clamping: (deadline - microseconds + 999) / 1000)
    }
}
