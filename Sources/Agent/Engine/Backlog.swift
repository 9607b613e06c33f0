// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Timing

/// What has come and was not yet taken, for a consumer that takes everything at once.
actor Backlog<Element: Sendable> {
    private var elements: [Element] = []
    private var waiting: CheckedContinuation<Void, Never>?
    private var isClosed = false
    private let clockwork: any Clockwork

    init(clockwork: any Clockwork) { self.clockwork = clockwork }

    func append(_ element: Element) {
        elements.append(element)
        waiting?.resume()
        waiting = nil
    }

    /// Waits until there is something, then takes it all; empty only when the task is cancelled.
    func takeAll() async -> [Element] {
        if elements.isEmpty, !isClosed {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    if Task.isCancelled { continuation.resume() } else { waiting = continuation }
                }
            } onCancel: {
                clockwork.spawn { await self.close() }
            }
        }
        defer { elements = [] }
        return elements
    }

    private func close() {
        isClosed = true
        waiting?.resume()
        waiting = nil
    }
}
