// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Testing

@testable import NodeAgent

@Suite("Lines of the agent's log")
struct LogTextTests {
    @Test("what a stranger wrote is a value of one line, and does nothing to a terminal")
    func hostile() {
        let fields: [(key: String, value: Logger.MetadataValue)] = [
            (key: "audit.action", value: "GET /\u{1B}[2J\u{9B}31m\u{202E}\nx"), (key: "plain", value: "two words"),
        ]
        #expect(
            JournalLogHandler.text("refused\u{7}\nagain", fields)
                == #"refused\x07\nagain audit.action="GET /\x1b[2J\x9b31m\u202e x" plain="two words""#)
        #expect(JournalLogHandler.text("agent started", []) == "agent started")
    }
}
