// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a long wait is for: a line that moves at a terminal, and elsewhere one after two seconds and then ever more seldom.
struct WaitLine {
    private var progress: ProgressLine
    private let errors: Console.Stream
    private var reminders = Reminders(ofSilentWait: Waiter.Rhythm())
    private let start = ContinuousClock.now

    init(_ errors: Console.Stream) {
        self.errors = errors
        progress = ProgressLine(errors)
    }

    /// Says for what: `worker-2 (19feb34b) still has web.service`.
    mutating func show(_ words: String) {
        progress.show(words)
        guard !errors.isTerminal, reminders.isDue(ContinuousClock.now - start) else { return }
        errors.line("cluster-manager: \(words)")
    }

    mutating func clear() { progress.clear() }
}
