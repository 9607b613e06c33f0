// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Many requests at a time, but not all at once.
package enum Concurrently {
    /// How many requests are under way at a time: enough that the store commits them in batches, few enough to leave
    /// the server to others.
    package static let width = 16

    /// Carries out `work` for each item and gives the outcomes in the items' order; with a `width` of 1, one after another.
    package static func map<Item: Sendable, Answer: Sendable>(
        _ items: [Item], width: Int = width, _ work: @escaping @Sendable (Item) async throws -> Answer
    ) async -> [Result<Answer, any Error>] {
        var outcomes: [(Int, Result<Answer, any Error>)] = []
        outcomes.reserveCapacity(items.count)
        await withTaskGroup(of: (Int, Result<Answer, any Error>).self) { group in
            var next = 0
            while next < items.count || outcomes.count < items.count {
                while next < items.count, next - outcomes.count < width {
                    let (index, item) = (next, items[next])
                    group.addTask {
                        do { return (index, .success(try await work(item))) } catch { return (index, .failure(error)) }
                    }
                    next += 1
                }
                if let outcome = await group.next() { outcomes.append(outcome) }
            }
        }
        return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
