// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Work that blocks its thread, on a thread of its own, so that the tasks of others go on.
package enum BlockingWork {
    private final class Box: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }

    package static func run<Answer: Sendable>(_ work: @escaping @Sendable () -> Answer) async -> Answer {
        await withCheckedContinuation { continuation in
            let box = Unmanaged.passRetained(Box { continuation.resume(returning: work()) })
            var thread = pthread_t()
            let failure = pthread_create(
                &thread, nil,
                { box in
                    box.map { Unmanaged<Box>.fromOpaque($0).takeRetainedValue().work() }
                    return nil
                }, box.toOpaque())
            if failure == 0 {
                pthread_detach(thread)
            } else {
                // No thread to be had: better here than never.
                box.takeRetainedValue().work()
            }
        }
    }
}
