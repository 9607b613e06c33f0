// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// What users change, many units at a time.
extension ClusterRegistry {
    /// Carries out changes of many units in few transactions, each change for itself: one that is refused sinks no other.
    ///
    /// A change of a unit that occurs twice is carried out in the order given. Each is a compare-and-swap on the unit's
    /// record that starts anew, at most eight times, when others change the record in between.
    ///
    /// - Returns: For each change, in the order given, the revision at which it is committed or why it is not.
    package func apply(_ changes: [UnitChange]) async -> [Result<Int64, RegistryError>] {
        var attempts = changes.indices.map { Attempt(index: $0, change: changes[$0]) }
        var results: [Result<Int64, RegistryError>?] = Array(repeating: nil, count: changes.count)
        while !attempts.isEmpty {
            let count = Self.chunk(attempts)
            var chunk = Array(attempts[..<count])
            await attempt(&chunk)
            for attempt in chunk { results[attempt.index] = attempt.result }
            attempts.replaceSubrange(..<count, with: chunk.filter { $0.result == nil })
        }
        return zip(changes, results).map { $1 ?? .failure(Self.interfered($0.action)) }
    }

    /// How many attempts from the first on fit into one transaction.
    ///
    /// A unit occurs only once in it, as does its key. A change that failed in company goes on alone, so that a unit
    /// which others fight over holds up no other.
    private static func chunk(_ attempts: [Attempt]) -> Int {
        var units: Set<UnitName> = []
        var files: Set<ContentHash> = []
        var operations = 0
        var bytes = 0
        for (index, attempt) in attempts.enumerated() {
            guard units.insert(attempt.change.unit).inserted else { return index }
            if let file = attempt.change.file, files.insert(file.hash).inserted { bytes += file.text.utf8.count }
            operations += UnitChange.operations
            let fits = operations + files.count <= Transaction.operationLimit && bytes <= transactionBytes
            if index > 0, !fits || attempt.tries > 0 { return index }
            if attempt.tries > 0 { return 1 }
        }
        return attempts.count
    }

    /// Reads, decides, writes; leaves `result` empty where it has to be done anew.
    private func attempt(_ attempts: inout [Attempt]) async {
        let action = attempts.count == 1 ? attempts[0].change.action : "changing \(attempts.count) units"
        let found: (entries: [KeyValue?], revision: Int64)
        do {
            found = try await entries(attempts.map { keys.unit($0.change.unit) }, while: action)
        } catch {
            for index in attempts.indices { attempts[index].fail(error) }
            return
        }
        var transaction = Transaction(then: [])
        var files: [ContentHash: UnitFile] = [:]
        for (index, current) in zip(attempts.indices, found.entries) {
            attempts[index].decide(current, readAt: found.revision)
            guard attempts[index].result == nil, let edit = attempts[index].edit else { continue }
            let key = keys.unit(attempts[index].change.unit)
            transaction.comparisons.append(Comparison(key, .equal, .modRevision(current?.modRevision ?? 0)))
            switch edit {
            case .none: break
            case .put(let bytes): transaction.then.append(.put(key, bytes))
            case .delete: transaction.then.append(.delete(.key(key)))
            }
            // Whoever asks for something else of a unit that has done its work wants it to work again. A new unit is none the
            // less new for what a machine wrote of a destroyed one of its name.
            if edit != .none {
                transaction.then.append(.delete(.key(keys.result(attempts[index].change.unit))))
            }
            if let file = attempts[index].change.file { files[file.hash] = file }
        }
        guard !transaction.then.isEmpty else { return }
        // The file is put even where it exists: that raises its mod revision, which keeps `collectFiles` off it.
        for (hash, file) in files.sorted(by: { $0.key < $1.key }) {
            transaction.then.append(.put(keys.file(hash), Array(file.text.utf8)))
        }
        do {
            let result = try await commit(transaction, while: action)
            for index in attempts.indices { attempts[index].close(succeeded: result.succeeded, result.revision) }
        } catch {
            for index in attempts.indices where attempts[index].result == nil {
                // An answer that may have been lost is looked up in the next round.
                if error.mayHaveHappened { attempts[index].loseAnswer(error) } else { attempts[index].fail(error) }
            }
        }
    }
}

/// One change on its way into the store.
private struct Attempt: Sendable {
    let index: Int
    let change: UnitChange
    var tries = 0
    /// What the transaction under way does; `nil` before the first.
    var edit: UnitEdit?
    /// The version of the record that the edit was based on; 0 when there was none.
    var version: Int64 = 0
    /// The writes whose answers were lost, with the version of the record that each would have left.
    var lost: [LostWrite] = []
    var lostError: RegistryError?
    var result: Result<Int64, RegistryError>?

    init(index: Int, change: UnitChange) {
        self.index = index
        self.change = change
    }

    /// Settles the change if it is done or cannot be done, else notes what to write.
    mutating func decide(_ current: KeyValue?, readAt revision: Int64) {
        if lost.contains(where: { $0.shows(in: current) }) {
            result = .success(current?.modRevision ?? revision)
            return
        }
        guard tries < ClusterRegistry.attemptLimit else {
            fail(lostError ?? ClusterRegistry.interfered(change.action))
            return
        }
        do {
            let edit = try change.edit(current)
            if edit == .none { result = .success(current?.modRevision ?? revision) }
            self.edit = edit
            version = current?.version ?? 0
        } catch {
            fail(error)
        }
    }

    mutating func close(succeeded: Bool, _ revision: Int64) {
        guard result == nil else { return }
        if succeeded { result = .success(revision) } else { tries += 1 }
    }

    mutating func loseAnswer(_ error: RegistryError) {
        tries += 1
        lostError = error
        if let edit { lost.append(LostWrite(edit: edit, version: version + 1)) }
    }

    /// Ends the change; an earlier write whose answer was lost may still have been, or be, carried out.
    mutating func fail(_ error: RegistryError) {
        var error = error
        error.mayHaveHappened = error.mayHaveHappened || lostError != nil
        result = .failure(error)
    }
}

/// A write whose answer was lost, with the version of the record that it leaves behind.
private struct LostWrite: Sendable {
    var edit: UnitEdit
    var version: Int64

    /// Whether `current` is what this write leaves behind.
    func shows(in current: KeyValue?) -> Bool {
        switch edit {
        case .none: false
        case .put(let bytes): current?.value == bytes && current?.version == version
        case .delete: current == nil
        }
    }
}
