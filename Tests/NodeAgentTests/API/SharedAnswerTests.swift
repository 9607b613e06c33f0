// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import NodeAgent

@Suite("an answer that many share")
struct SharedAnswerTests {
    /// Counts how often the answer was sought, and gives that number as the answer.
    private final class Searches: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }

    @Test("who asks while it is sought, or while it is good, causes no search of his own")
    func shared() async {
        let searches = Searches()
        let answer = SharedAnswer<Int>(for: .seconds(600))
        let (gate, door) = AsyncStream<Void>.makeStream()
        let opened = Task { for await _ in gate {} }
        let found = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    await answer.get {
                        await opened.value
                        return searches.next()
                    }
                }
            }
            door.finish()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(found == Array(repeating: 1, count: 50))
    }

    @Test("an answer that is no longer good is sought anew")
    func aged() async {
        let searches = Searches()
        let answer = SharedAnswer<Int>(for: .zero)
        for number in 1...3 { #expect(await answer.get { searches.next() } == number) }
    }
}
