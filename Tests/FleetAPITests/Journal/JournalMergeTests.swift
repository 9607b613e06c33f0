// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@testable import FleetAPIServer

@Suite("Merging journals")
struct JournalMergeTests {
    private static func entry(_ time: Int64, _ machine: String, size: Int = 0) -> API.JournalEntry {
        API.JournalEntry(
            time: time, machine: machine, unit: "web.service",
            message: "\(machine)\(time)" + String(repeating: "x", count: size))
    }

    private static func times(_ entries: [API.JournalEntry]) -> [Int64] { entries.map(\.time) }

    @Test("entries go out by time, and none before every journal has shown one")
    func history() {
        var merge = JournalMerge(lines: nil)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        for time in [1, 4, 5] as [Int64] { merge.receive(Self.entry(time, "a"), from: 0, at: .zero) }
        #expect(merge.release(at: .seconds(9)).isEmpty)
        for time in [2, 3] as [Int64] { merge.receive(Self.entry(time, "b"), from: 1, at: .zero) }
        // After 3 the second journal might still show a 4.
        #expect(Self.times(merge.release(at: .zero)) == [1, 2, 3])
        #expect(!merge.isFinished && !merge.isCaughtUp)
        merge.end(1)
        #expect(Self.times(merge.release(at: .zero)) == [4, 5])
        merge.end(0)
        #expect(merge.isFinished && merge.isCaughtUp)
    }

    @Test("equal times are in the order of the machines' ids, and one machine's entries keep theirs")
    func ties() {
        var merge = JournalMerge(lines: nil)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        merge.receive(Self.entry(5, "b"), from: 0, at: .zero)
        // A clock that was set back.
        merge.receive(Self.entry(3, "b"), from: 0, at: .zero)
        merge.receive(Self.entry(5, "a"), from: 1, at: .zero)
        merge.end(0)
        merge.end(1)
        #expect(merge.release(at: .zero).map(\.message) == ["a5", "b5", "b3"])
    }

    @Test("of the latest entries so many are kept as were asked for, over all journals")
    func lines() {
        var merge = JournalMerge(lines: 3)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        for time in 1...500 as ClosedRange<Int64> {
            merge.receive(Self.entry(2 * time, "a"), from: 0, at: .zero)
            merge.receive(Self.entry(2 * time + 1, "b"), from: 1, at: .zero)
            #expect(merge.release(at: .zero).isEmpty)
        }
        merge.end(0)
        #expect(merge.release(at: .zero).isEmpty)
        merge.catchUp(1)
        #expect(Self.times(merge.release(at: .zero)) == [999, 1000, 1001])
        // What comes then is not counted any more.
        for time in [1002, 1003, 1004, 1005] as [Int64] { merge.receive(Self.entry(time, "b"), from: 1, at: .zero) }
        #expect(merge.release(at: .zero).count == 4)
    }

    @Test("what is written while another journal still tells counts as none of the latest, and is not lost")
    func newEntries() {
        var merge = JournalMerge(lines: 2)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        for time in [1, 2, 3] as [Int64] { merge.receive(Self.entry(time, "a"), from: 0, at: .zero) }
        merge.catchUp(0)
        for time in [6, 7, 8] as [Int64] { merge.receive(Self.entry(time, "a"), from: 0, at: .zero) }
        #expect(merge.release(at: .zero).isEmpty)
        for time in [4, 5] as [Int64] { merge.receive(Self.entry(time, "b"), from: 1, at: .zero) }
        merge.catchUp(1)
        #expect(Self.times(merge.release(at: .zero)) == [4, 5, 6, 7, 8])

        // Where none of before are wanted all that comes is new.
        var following = JournalMerge(lines: 0)
        for _ in 0..<2 { following.addSource(at: .zero) }
        following.catchUp(0)
        following.receive(Self.entry(9, "a"), from: 0, at: .zero)
        #expect(following.release(at: .zero).isEmpty)
        following.catchUp(1)
        #expect(Self.times(following.release(at: .seconds(1))) == [9])
    }

    @Test("entries too large to keep are dropped from the old end, and counted")
    func memory() {
        var limits = JournalMerge.Limits()
        limits.tailBytes = 100_000
        var merge = JournalMerge(lines: 1000, limits: limits)
        merge.addSource(at: .zero)
        for time in 1...50 as ClosedRange<Int64> {
            merge.receive(Self.entry(time, "a", size: 10_000), from: 0, at: .zero)
            _ = merge.release(at: .zero)
        }
        merge.end(0)
        let kept = Self.times(merge.release(at: .zero))
        #expect(kept.last == 50 && kept.count >= 4 && kept.count < 11)
        #expect(merge.lost == 50 - kept.count)
    }

    @Test("what is being written waits for a window, so that a slower machine's older entry comes first")
    func window() {
        var merge = JournalMerge(lines: nil)
        for source in 0..<2 {
            merge.addSource(at: .zero)
            merge.catchUp(source)
        }
        merge.receive(Self.entry(10, "a"), from: 0, at: .milliseconds(100))
        #expect(merge.release(at: .milliseconds(399)).isEmpty)
        #expect(merge.nextLook() == .milliseconds(400))
        merge.receive(Self.entry(9, "b"), from: 1, at: .milliseconds(390))
        merge.receive(Self.entry(11, "b"), from: 1, at: .milliseconds(390))
        #expect(Self.times(merge.release(at: .milliseconds(400))) == [9, 10])
        #expect(Self.times(merge.release(at: .milliseconds(690))) == [11])
        #expect(merge.nextLook() == nil)
        // With one machine left there is nothing to wait for.
        merge.end(1)
        merge.receive(Self.entry(12, "a"), from: 0, at: .seconds(1))
        #expect(Self.times(merge.release(at: .seconds(1))) == [12])
    }

    @Test("a journal that tells nothing is waited for so long and no longer")
    func patience() {
        var merge = JournalMerge(lines: nil)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        merge.receive(Self.entry(10, "a"), from: 0, at: .zero)
        merge.end(0)
        #expect(merge.nextLook() == .seconds(2) && merge.silent(at: .milliseconds(1999)).isEmpty)
        #expect(merge.silent(at: .seconds(2)) == [1] && merge.silent(at: .seconds(3)).isEmpty)
        #expect(merge.nextLook() == .seconds(10) && merge.overdue(at: .seconds(9)).isEmpty)
        #expect(merge.release(at: .seconds(9)).isEmpty)
        #expect(merge.overdue(at: .seconds(10)) == [1] && merge.overdue(at: .seconds(10)).isEmpty)
        #expect(Self.times(merge.release(at: .seconds(10))) == [10])
    }
}
