// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Synchronization

/// How old the answers are that a command has got, over all its requests.
package final class AnswerAges: Sendable {
    private let oldest = Mutex<(asOf: String, age: Int)?>(nil)

    package init() {}

    /// Takes note of an answer that the server says is old.
    func note(_ response: TransportResponse) {
        guard let asOf = response.header(API.asOfHeader) else { return }
        let age = response.header("Age").flatMap { Int($0) } ?? 0
        oldest.withLock { oldest in if oldest.map({ $0.age <= age }) ?? true { oldest = (asOf, age) } }
    }

    /// What to say beside the result; `nil` when every answer is of now.
    package var words: String? {
        oldest.withLock { $0 }.map { "etcd has not answered for \($0.age) s; this is as of \($0.asOf)" }
    }
}

// Whoever compares settings compares what was asked for, not what was heard.
extension AnswerAges: Hashable {
    package static func == (_: AnswerAges, _: AnswerAges) -> Bool { true }
    package func hash(into _: inout Hasher) {}
}
