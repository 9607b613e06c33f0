// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// Brings the entries of several journals into one order: a value, with the time as an argument.
///
/// While journals tell what they hold, the oldest of the first entries goes out once each of them has shown one. What is
/// written from then on waits for a short window, so that machines whose entries take different ways still come in order.
struct JournalMerge: Sendable {
    /// Bounds that a merge keeps.
    struct Limits: Sendable {
        /// How long a live entry waits for older ones of other machines.
        var window: Duration = .milliseconds(300)
        /// How long a journal may tell nothing before it is named as one that is waited for; `nil` where another server does it.
        var silence: Duration? = .seconds(2)
        /// How long all wait for a journal that tells nothing; then it is no longer waited for.
        var patience: Duration = .seconds(10)
        /// Bytes that the latest entries may take while older ones are told.
        var tailBytes = 64 << 20
    }

    private enum Phase {
        /// Tells what it holds; without an entry of it nothing goes out.
        case telling
        /// Tells what is being written, or is late.
        case live
        case ended
    }

    private struct Held {
        var entry: API.JournalEntry
        var arrival: Duration
        /// It came after its journal had told what it held, so it is none of the latest that are wanted beside.
        var isNew: Bool
    }

    private struct Source {
        var phase = Phase.telling
        /// Whether what comes now is new.
        var hasCaughtUp: Bool
        /// Whether any entry has come.
        var hasTold = false
        var queue: [Held] = []
        /// Of `queue`, the first that has not gone out.
        var first = 0
        /// Since when the queue has been empty.
        var emptySince: Duration
        var isNamed = false

        var head: Held? { first < queue.count ? queue[first] : nil }
        var count: Int { queue.count - first }

        mutating func pop(at now: Duration) {
            first += 1
            if first == queue.count { emptySince = now }
            guard first == queue.count || first >= 256 else { return }
            queue.removeFirst(first)
            first = 0
        }
    }

    private let limits: Limits
    private var sources: [Source] = []
    /// How many of the latest entries are wanted; `nil` once they have gone out, or when all or none are wanted.
    private var wanted: Int?
    private var tail: [Held] = []
    private var tailBytes = 0
    /// Of `tail`, how many are not new.
    private var tailCount = 0
    /// Entries that `lines` asks for and that the bound on memory took away.
    private(set) var lost = 0

    /// - Parameters:
    ///   - lines: How many of the latest entries to begin with; `nil` for all. With 0 whatever comes is new.
    ///   - limits: Bounds that the merge keeps.
    init(lines: Int?, limits: Limits = Limits()) {
        wanted = lines == 0 ? nil : lines
        self.limits = limits
    }

    /// Takes in one more journal, by the next number from 0.
    ///
    /// One that is not there from the first is asked for what is new alone, which is none of the latest that are wanted.
    mutating func addSource(at now: Duration, isFirst: Bool = true) {
        sources.append(Source(hasCaughtUp: !isFirst, emptySince: now))
    }

    mutating func receive(_ entry: API.JournalEntry, from source: Int, at now: Duration) {
        let isNew = sources[source].hasCaughtUp
        sources[source].hasTold = true
        sources[source].queue.append(Held(entry: entry, arrival: now, isNew: isNew))
    }

    /// The journal has told what it held.
    mutating func catchUp(_ source: Int) {
        sources[source].hasCaughtUp = true
        if sources[source].phase == .telling { sources[source].phase = .live }
    }

    /// The journal tells no more.
    mutating func end(_ source: Int) { sources[source].phase = .ended }

    /// The journal has broken off, and is asked for the rest.
    ///
    /// One that has told a part of the latest entries is waited for, as long as patience lasts: which of all are the latest shows
    /// with its rest. For one that has told nothing nobody waits.
    mutating func resume(_ source: Int) {
        let isAmidLatest = wanted != nil && sources[source].hasTold && !sources[source].hasCaughtUp
        guard isAmidLatest, sources[source].phase == .telling else {
            sources[source].phase = .live
            return
        }
        // That it broke off has been said.
        sources[source].isNamed = true
    }

    /// Whether every journal has told what it held.
    var isCaughtUp: Bool { !sources.contains { $0.phase == .telling } }

    /// Whether nothing can go out any more.
    var isFinished: Bool { sources.allSatisfy { $0.phase == .ended && $0.count == 0 } && tail.isEmpty }

    /// How many entries of a journal wait here.
    func count(_ source: Int) -> Int { sources[source].count }

    /// Journals that have kept all others waiting for too long, and are no longer waited for.
    mutating func overdue(at now: Duration) -> [Int] {
        let late = sources.indices.filter { index in
            let source = sources[index]
            return source.phase == .telling && source.count == 0 && now - source.emptySince >= limits.patience
        }
        for index in late { sources[index].phase = .live }
        return late
    }

    /// Journals that keep all others waiting, each once.
    mutating func silent(at now: Duration) -> [Int] {
        guard let silence = limits.silence else { return [] }
        let silent = sources.indices.filter { isAwaited($0) && now - sources[$0].emptySince >= silence }
        for index in silent { sources[index].isNamed = true }
        return silent
    }

    /// Whether a journal that nobody has named yet keeps all others waiting.
    private func isAwaited(_ index: Int) -> Bool {
        let source = sources[index]
        return source.phase == .telling && source.count == 0 && !source.isNamed
    }

    /// When to look again although nothing came; `nil` for never.
    func nextLook() -> Duration? {
        var times = sources.filter { $0.phase == .telling && $0.count == 0 }.map { $0.emptySince + limits.patience }
        if let silence = limits.silence {
            times += sources.indices.filter(isAwaited).map { sources[$0].emptySince + silence }
        }
        if isCaughtUp { times += sources.compactMap { $0.head.map { $0.arrival + limits.window } } }
        return times.min()
    }

    /// The entries whose turn it is, in order.
    mutating func release(at now: Duration) -> [API.JournalEntry] {
        var entries: [API.JournalEntry] = []
        while let next = next(at: now) {
            guard let head = sources[next].head else { break }
            sources[next].pop(at: now)
            if let wanted { keep(head, wanted) } else { entries.append(head.entry) }
        }
        guard let wanted else { return entries }
        guard isCaughtUp, sources.allSatisfy({ $0.phase != .ended || $0.count == 0 }) else { return [] }
        trimTail(to: wanted)
        self.wanted = nil
        defer { tail = [] }
        return tail.map(\.entry)
    }

    /// The journal whose first entry goes out now.
    private func next(at now: Duration) -> Int? {
        var oldest: (time: Int64, machine: String, index: Int)?
        var isDue = false
        for (index, source) in sources.enumerated() {
            guard let head = source.head else {
                if source.phase == .telling { return nil }
                continue
            }
            if head.arrival + limits.window <= now { isDue = true }
            let key = (time: head.entry.time, machine: head.entry.machine, index: index)
            if oldest.map({ key < $0 }) ?? true { oldest = key }
        }
        guard let oldest else { return nil }
        // With nothing else to come there is nothing to wait for.
        let others = sources.indices.contains { $0 != oldest.index && sources[$0].phase != .ended }
        let isTelling = sources.contains { $0.phase == .telling }
        return isTelling || isDue || !others || wanted != nil ? oldest.index : nil
    }

    private mutating func keep(_ held: Held, _ wanted: Int) {
        // What a journal tells late has its place among what others have told meanwhile, since the oldest are cut.
        let (time, machine) = (held.entry.time, held.entry.machine)
        let former = tail.lastIndex {
            $0.entry.machine == machine || ($0.entry.time, $0.entry.machine) < (time, machine)
        }
        tail.insert(held, at: former.map { $0 + 1 } ?? tail.startIndex)
        tailBytes += Self.size(held)
        if !held.isNew { tailCount += 1 }
        if tailCount >= 2 * max(wanted, 64) { trimTail(to: wanted) }
        guard tailBytes > limits.tailBytes else { return }
        trimTail(to: wanted)
        while tailBytes > limits.tailBytes / 2, let first = tail.first {
            tailBytes -= Self.size(first)
            if !first.isNew { tailCount -= 1 }
            tail.removeFirst()
            lost += 1
        }
    }

    /// Leaves the latest `wanted` of those that were there, and all that are new.
    private mutating func trimTail(to wanted: Int) {
        var surplus = tailCount - wanted
        guard surplus > 0 else { return }
        tail.removeAll { held in
            guard !held.isNew, surplus > 0 else { return false }
            surplus -= 1
            return true
        }
        tailCount = wanted
        tailBytes = tail.reduce(0) { $0 + Self.size($1) }
    }

    private static func size(_ held: Held) -> Int { held.entry.message.utf8.count + 512 }
}
