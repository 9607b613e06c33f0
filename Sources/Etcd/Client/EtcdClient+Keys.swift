// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension EtcdClient {
    /// All keys that `selector` names, in key order, at one revision; many of them in pages.
    ///
    /// Revision 0 means the newest; one that is gone fails with `.compacted`.
    package func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        // The revision of the first page may be compacted away before the last page is read; the newest never is.
        var restarts = 0
        while true {
            do {
                return try await readAllPages(selector, revision: revision)
            } catch {
                guard error.code == .compacted, revision == 0, restarts < 3 else { throw error }
                restarts += 1
            }
        }
    }

    private func readAllPages(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        var (start, end) = selector.range
        var keys: [KeyValue] = []
        var revision = revision
        var limit = configuration.pageSize
        while true {
            let page: RangeAnswer
            do {
                page = try await readPage(selector, start: start, end: end, revision: revision, limit: limit)
            } catch {
                // Values that are large on the average do not fit one answer.
                guard error.code == .answerTooLarge, limit > 1 else {
                    throw error
                }
                limit = max(1, limit / 8)
                continue
            }
            if revision == 0 { revision = page.header.revision }
            if keys.isEmpty { keys = page.keys } else { keys.append(contentsOf: page.keys) }
            guard page.more, !page.lastKey.isEmpty else { return (keys, revision) }
            start = page.lastKey + [0]
        }
    }

    private func readPage(
        _ selector: KeySelector, start: [UInt8], end: [UInt8]?, revision: Int64, limit: Int
    ) async throws(EtcdError) -> RangeAnswer {
        let call = Call(
            path: "/v3/kv/range",
            body: JSONWriter.object {
                $0.range(start: start, end: end)
                $0.integer("limit", Int64(limit))
                if revision != 0 { $0.integer("revision", revision) }
            },
            what: "read \(selector)", isRepeatable: true)
        return try await perform(call)
    }

    /// Writes one key.
    ///
    /// - Returns: The revision of the write.
    @discardableResult
    package func put(_ key: String, _ value: [UInt8], lease: LeaseID = .none) async throws(EtcdError) -> Int64 {
        let call = Call(
            path: "/v3/kv/put", body: JSONWriter.object { $0.put(key: key, value: value, lease: lease) },
            what: "write \(key)", isRepeatable: false)
        return try await perform(call, PlainAnswer.self).header.revision
    }

    /// Deletes the selected keys.
    ///
    /// - Returns: How many there were, and the store's revision afterwards.
    @discardableResult
    package func delete(_ selector: KeySelector) async throws(EtcdError) -> (count: Int, revision: Int64) {
        let call = Call(
            path: "/v3/kv/deleterange",
            body: JSONWriter.object { $0.range(start: selector.range.start, end: selector.range.end) },
            what: "delete \(selector)", isRepeatable: false)
        let answer = try await perform(call, DeleteAnswer.self)
        return (answer.deleted, answer.header.revision)
    }

    /// Carries out `transaction` at one revision.
    ///
    /// - Throws: `.invalidRequest` when a branch has more operations than the server allows or writes a key twice.
    package func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        let call = Call(
            path: "/v3/kv/txn", body: transaction.requestBody, what: "commit \(transaction.summary)",
            isRepeatable: transaction.isReadOnly)
        let answer = try await perform(call, TransactionAnswer.self)
        let expected = answer.succeeded ? transaction.then.count : transaction.otherwise.count
        guard answer.outcomes.count == expected else {
            throw malformed(call, JSONError(offset: 0, expected: "\(expected) outcomes"))
        }
        return TransactionResult(
            succeeded: answer.succeeded, revision: answer.header.revision, outcomes: answer.outcomes)
    }

    /// Forgets what was before `revision`; reads and watches from there fail with `.compacted`.
    package func compact(to revision: Int64) async throws(EtcdError) {
        let call = Call(
            path: "/v3/kv/compaction",
            body: JSONWriter.object {
                $0.integer("revision", revision)
                $0.bool("physical", true)
            },
            what: "compact to revision \(revision)", isRepeatable: false)
        _ = try await perform(call, PlainAnswer.self)
    }
}

extension KeySelector: CustomStringConvertible {
    package var description: String {
        switch self {
        case .key(let key): "the key \(key)"
        case .prefix(let prefix): "the keys \(prefix)*"
        case .range(let first, let last): "the keys from \(first) to before \(last)"
        }
    }
}

extension Transaction {
    /// For messages: size and first key, never values.
    fileprivate var summary: String {
        let first: String =
            switch then.first ?? otherwise.first {
            case .put(let key, _, _): " from \(key) on"
            case .delete(let selector), .get(let selector): " from \(selector) on"
            case nil: ""
            }
        return "a transaction of \(then.count) operations\(first)"
    }
}
