// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A binary heap of machines by rank, best first; ties by position, which follows machine ids.
struct RankHeap: Sendable {
    struct Rank: Hashable, Comparable, Sendable {
        /// Instances of the unit's template that stand on the machine.
        var instances: Int
        /// Units that stand on the machine.
        var load: Int

        static func < (left: Rank, right: Rank) -> Bool {
            (left.instances, left.load) < (right.instances, right.load)
        }
    }

    struct Entry: Sendable {
        var rank: Rank
        var position: Int
        var slot: Int

        func precedes(_ other: Entry) -> Bool {
            rank == other.rank ? position < other.position : rank < other.rank
        }
    }

    private var entries: [Entry] = []

    mutating func push(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Entry? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first }
        entries[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < entries.count else { return first }
            let right = left + 1
            let child = right < entries.count && entries[right].precedes(entries[left]) ? right : left
            guard entries[child].precedes(entries[parent]) else { return first }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}
