// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import Synchronization

/// Keeps what a command prints.
final class CapturedConsole: Sendable {
    private let texts = Mutex((output: "", errors: ""))
    private let isTerminal: Bool

    /// How wide the terminal says that it is.
    private let columns: Int?

    init(isTerminal: Bool = false, columns: Int? = nil) {
        self.isTerminal = isTerminal
        self.columns = columns
    }

    var console: Console {
        Console(
            output: Console.Stream { text in self.texts.withLock { $0.output += text } },
            errors: Console.Stream(isTerminal: isTerminal, columns: { self.columns }) { text in
                self.texts.withLock { $0.errors += text }
            })
    }

    var output: String { texts.withLock { $0.output } }
    var errors: String { texts.withLock { $0.errors } }

    /// Returns once `text` was printed on standard error.
    ///
    /// - Throws: `TimeoutError` after a minute, which no working program needs.
    func waitForErrors(_ text: String) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !errors.contains(text) {
            guard ContinuousClock.now < deadline else { throw TimeoutError(missing: text) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    struct TimeoutError: Error {
        let missing: String
    }
}
