// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Synchronization

/// How old the newest answer is that a command has got.
package final class AnswerAges: Sendable {
    private let newest = Mutex<(asOf: String, age: Int)?>(nil)

    package init() {}

    /// Takes note of an answer, which the server may say is old.
    ///
    /// A refusal carries no age, whatever the server knows, and so says nothing of it.
    func note(_ answer: some TransportAnswer) {
        guard (200..<300).contains(answer.status) else { return }
        guard let asOf = answer.header(API.asOfHeader) else { return clear() }
        let age = answer.header("Age").flatMap { Int($0) } ?? 0
        newest.withLock { $0 = (asOf, age) }
    }

    /// Takes note of news that came just now.
    func clear() { newest.withLock { $0 = nil } }

    /// What to say beside the result; `nil` when the newest answer is of now.
    package var words: String? {
        newest.withLock { $0 }.map { "etcd does not answer; this is as of \($0.asOf), \($0.age) s ago" }
    }
}

// Whoever compares settings compares what was asked for, not what was heard.
extension AnswerAges: Hashable {
    package static func == (_: AnswerAges, _: AnswerAges) -> Bool { true }
    package func hash(into _: inout Hasher) {}
}
