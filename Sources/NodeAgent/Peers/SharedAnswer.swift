// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// An answer that costs others something: whoever asks while it is sought, or just after, gets the same.
actor SharedAnswer<Value: Sendable> {
    private let life: Duration
    private var last: (value: Value, at: ContinuousClock.Instant)?
    private var search: Task<Value, Never>?

    /// `life` is how long an answer is good.
    init(for life: Duration) { self.life = life }

    func get(_ seek: @escaping @Sendable () async -> Value) async -> Value {
        if let last, ContinuousClock.now - last.at < life { return last.value }
        if let search { return await search.value }
        let task = Task { await seek() }
        search = task
        let value = await task.value
        search = nil
        last = (value, .now)
        return value
    }
}
