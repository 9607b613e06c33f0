// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import NodeAgent

@Suite("The session and the agent's other parts")
struct HeldSessionTests {
    private final class Book: Sendable {
        private let lines = Mutex<[String]>([])
        var text: [String] { lines.withLock { $0 } }
        func note(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private struct Failure: Error {}

    private static func untilCancelled() async {
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
    }

    @Test("the session ends when the last of the others has ended, however the first did", arguments: [true, false])
    func last(fails: Bool) async {
        let book = Book()
        let held = HeldSession {
            await Self.untilCancelled()
            book.note("session")
        }
        do {
            try await held.beside { group in
                group.addTask { if fails { throw Failure() } }
                group.addTask {
                    await Self.untilCancelled()
                    // It waits for an answer, whoever wants it to end.
                    for _ in 0..<1000 { await Task.yield() }
                    book.note("part")
                }
            }
            book.note("in order")
        } catch {
            book.note("failed")
        }
        #expect(book.text == ["part", "session", fails ? "failed" : "in order"])
    }

    @Test("a session that ends by itself ends the others")
    func byItself() async throws {
        let book = Book()
        let held = HeldSession { book.note("session") }
        try await held.beside { group in
            group.addTask {
                await Self.untilCancelled()
                book.note("part")
            }
        }
        #expect(book.text == ["session", "part"])
    }
}
