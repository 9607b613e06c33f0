// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The jobs whose end somebody waits for.
struct JobTable {
    private var outcomes: [String: [JobOutcome]] = [:]
    /// Calls that were sent and whose job path is not known yet.
    private var unanswered = 0
    /// Ends that were seen while calls were unanswered: one of them may be about a path that a reply is about to bring.
    private var early: [String: JobResult] = [:]

    /// Jobs that exist or are about to.
    var count: Int { outcomes.count + unanswered }

    mutating func callSent() { unanswered += 1 }

    /// The call was answered with a job, or refused.
    mutating func callAnswered(path: String?, outcome: JobOutcome) {
        unanswered -= 1
        if let path {
            if let result = early[path] {
                outcome.resolve(.success(result))
            } else {
                outcomes[path, default: []].append(outcome)
            }
        }
        if unanswered == 0 { early = [:] }
    }

    /// Takes notice of a job's end; answers whether it was one of ours.
    @discardableResult
    mutating func removed(path: String, result: JobResult) -> Bool {
        if unanswered > 0 { early[path] = result }
        guard let waiting = outcomes.removeValue(forKey: path) else { return false }
        for outcome in waiting { outcome.resolve(.success(result)) }
        return true
    }

    /// The connection is gone, and with it every word about these jobs.
    mutating func failAll(_ error: SystemdError) {
        let waiting = outcomes.values.flatMap { $0 }
        outcomes = [:]
        early = [:]
        for outcome in waiting { outcome.resolve(.failure(error)) }
    }
}
