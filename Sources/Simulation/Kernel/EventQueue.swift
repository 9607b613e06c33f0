// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What is to happen, in the order of time; at one moment, in the order in which it was asked for.
struct EventQueue {
    private struct Item {
        var time: Int64
        var number: UInt64
        var action: () -> Void
    }

    private var items: [Item] = []
    private var count: UInt64 = 0

    var isEmpty: Bool { items.isEmpty }

    /// When the next event is due; `nil` when there is none.
    var nextTime: Int64? { items.first?.time }

    mutating func push(at time: Int64, _ action: @escaping () -> Void) {
        count += 1
        items.append(Item(time: time, number: count, action: action))
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(child, parent) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (time: Int64, action: () -> Void)? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        if !items.isEmpty {
            items[0] = last
            sink()
        }
        return (first.time, first.action)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = 2 * parent + 1
            guard least < items.count else { return }
            if least + 1 < items.count, precedes(least + 1, least) { least += 1 }
            guard precedes(least, parent) else { return }
            items.swapAt(least, parent)
            parent = least
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        items[left].time != items[right].time
            ? items[left].time < items[right].time : items[left].number < items[right].number
    }
}
