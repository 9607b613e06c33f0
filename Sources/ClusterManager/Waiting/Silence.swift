// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// That nobody answers a wait, since when, and whether its user knows.
struct Silence {
    /// Why, as it was last seen; `nil` while somebody answers.
    private(set) var reason: String?
    /// The same, while the wait asks again by itself.
    private(set) var brief: String?
    private var since = ContinuousClock.now
    private var isTold = false

    mutating func note(_ reason: String, brief: String) {
        if self.reason == nil { since = .now }
        self.reason = reason
        self.brief = brief
    }

    /// What to tell, once, of a silence that has lasted for `patience`.
    mutating func words(after patience: Duration) -> String? {
        guard let brief, !isTold, ContinuousClock.now - since >= patience else { return nil }
        isTold = true
        return "\(brief); asking again"
    }

    /// Ends it; whether it had been told of.
    mutating func end() -> Bool {
        defer { self = Silence() }
        return isTold
    }
}

/// When a wait says again what it waits for: ever more seldom.
struct Reminders {
    private var next: Duration
    private var step: Duration
    private let longest: Duration

    init(_ rhythm: Waiter.Rhythm) {
        (next, step, longest) = (rhythm.reminder, rhythm.reminder, rhythm.longestReminder)
    }

    /// For a wait that says nothing else: the first one is due when nothing has been heard for `rhythm.silence`.
    init(ofSilentWait rhythm: Waiter.Rhythm) {
        (next, step, longest) = (rhythm.silence, rhythm.reminder / 2, rhythm.longestReminder)
    }

    /// Whether one is due when so much time has gone by; then the next one is not before long.
    mutating func isDue(_ elapsed: Duration) -> Bool {
        guard elapsed >= next else { return false }
        step = min(step * 2, longest)
        next = elapsed + step
        return true
    }
}
