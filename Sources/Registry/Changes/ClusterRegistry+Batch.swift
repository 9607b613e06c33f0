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
    /// which others fight over holds up no other; one whose file asks for further names is alone from the first.
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
            // Names of units in one transaction would not be compared with each other.
            let isAlone = attempt.tries > 0 || !attempt.aliases.isEmpty
            if index > 0, !fits || isAlone { return index }
            if isAlone { return 1 }
        }
        return attempts.count
    }

    /// Reads, decides, writes; leaves `result` empty where it has to be done anew.
    private func attempt(_ attempts: inout [Attempt]) async {
        let action = attempts.count == 1 ? attempts[0].change.action : "changing \(attempts.count) units"
        let names = attempts.flatMap(\.aliases).map { keys.unit($0) }
        let found: (entries: [KeyValue?], revision: Int64)
        do {
            found = try await entries(
                attempts.map { keys.unit($0.change.unit) } + [keys.aliases] + names, while: action)
        } catch {
            for index in attempts.indices { attempts[index].fail(error) }
            return
        }
        let taken = found.entries.dropFirst(attempts.count)
        var transaction = Transaction(then: [])
        var files: [ContentHash: UnitFile] = [:]
        for (index, current) in zip(attempts.indices, found.entries) {
            attempts[index].decide(current, readAt: found.revision)
            attempts[index].check(names: taken)
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
        guardNames(attempts, taken.first??.modRevision ?? 0, &transaction)
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

/// Names: no two units of a cluster may go by one, which only their files tell.
///
/// Who asks for a change has looked through the names up to a revision. Every transaction that gives a unit further names writes
/// one key, so a change is refused when that key is newer than its look, or when a unit has come that has a name it asks for.
extension ClusterRegistry {
    private func guardNames(_ attempts: [Attempt], _ last: Int64, _ transaction: inout Transaction) {
        guard attempts.contains(where: { $0.result == nil && $0.change.checkedAt != nil }) else { return }
        transaction.comparisons.append(Comparison(keys.aliases, .equal, .modRevision(last)))
        for attempt in attempts where attempt.result == nil && !attempt.aliases.isEmpty {
            transaction.comparisons += attempt.aliases.map { .absent(keys.unit($0)) }
            transaction.then.append(.put(keys.aliases, Array(attempt.change.unit.rawValue.utf8)))
        }
    }
}

/// One change on its way into the store.
private struct Attempt: Sendable {
    let index: Int
    let change: UnitChange
    let aliases: [UnitName]
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
        aliases = change.aliases
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

    /// Refuses the change when its caller has not seen all names that units have by now.
    ///
    /// - Parameter names: The entry that is written with further names, and the records of units that have a name which this one
    ///   asks for.
    mutating func check(names: ArraySlice<KeyValue?>) {
        guard result == nil, let checkedAt = change.checkedAt else { return }
        guard (names.first??.modRevision ?? 0) <= checkedAt, names.dropFirst().allSatisfy({ $0 == nil }) else {
            var error = RegistryError(
                code: .conflict, while: change.action, message: "names of units have changed since they were checked")
            error.revision = names.compactMap { $0?.modRevision }.max() ?? 0
            return fail(error)
        }
        guard aliases.count <= Self.aliasLimit else {
            return fail(
                RegistryError(
                    code: .invalid, while: change.action,
                    message:
                        "its file asks for \(aliases.count) further names by Alias=; it may have \(Self.aliasLimit)"))
        }
    }

    /// As many names as a transaction can compare beside the unit's own.
    private static let aliasLimit = Transaction.operationLimit - 8

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
