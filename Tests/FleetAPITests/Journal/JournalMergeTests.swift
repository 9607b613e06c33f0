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

    /// What journal 0, of machine a, and journal 1, of machine b, do.
    enum Step: Sendable {
        case tells(Int, [Int64])
        case breaksOff(Int)
        case hasToldAll(Int)
        /// So long that nobody waits any more.
        case timeGoesBy
    }

    @Test(
        "of the latest entries none is lost or cut too soon when a journal breaks off amid them and comes again",
        arguments: [
            // Which of all are the latest shows with the rest.
            (
                5, [.tells(1, [50, 52]), .breaksOff(1), .tells(0, [60, 61, 62, 63, 64]), .hasToldAll(0)], []
            ),
            (
                5,
                [
                    .tells(1, [50, 52]), .breaksOff(1), .tells(0, [60, 61, 62, 63, 64]), .hasToldAll(0),
                    .tells(1, [54, 56, 58]), .hasToldAll(1),
                ], [60, 61, 62, 63, 64]
            ),
            (
                4,
                [
                    .tells(1, [50, 52]), .breaksOff(1), .tells(0, [51, 53, 60, 61]), .tells(1, [54, 62]),
                    .hasToldAll(0),
                    .hasToldAll(1),
                ], [54, 60, 61, 62]
            ),
            // It breaks off again and again.
            (
                2,
                [
                    .tells(1, [50]), .breaksOff(1), .tells(0, [55]), .hasToldAll(0), .tells(1, [52]), .breaksOff(1),
                    .breaksOff(1), .tells(1, [54]), .hasToldAll(1),
                ], [54, 55]
            ),
            // Not for ever; then the rest comes late, and whole.
            (
                5,
                [
                    .tells(1, [50, 52]), .breaksOff(1), .tells(0, [60, 61, 62, 63, 64]), .hasToldAll(0), .timeGoesBy,
                    .tells(1, [54, 56, 58]), .hasToldAll(1),
                ], [60, 61, 62, 63, 64, 54, 56, 58]
            ),
            // Nobody waits for one that has told nothing.
            (3, [.breaksOff(1), .tells(0, [60, 61, 62, 63]), .hasToldAll(0)], [61, 62, 63]),
            // What it tells late is cut by its time.
            (
                3,
                [.breaksOff(1), .tells(0, [60, 61, 62]), .tells(1, [57, 58, 59]), .hasToldAll(1), .hasToldAll(0)],
                [60, 61, 62]
            ),
            (
                3,
                [
                    .tells(0, [60]), .timeGoesBy, .tells(0, [61, 62]), .tells(1, [59, 61, 63]), .hasToldAll(1),
                    .hasToldAll(0),
                ], [61, 62, 63]
            ),
        ] as [(Int, [Step], [Int64])])
    func brokenOff(lines: Int, steps: [Step], expected: [Int64]) {
        var merge = JournalMerge(lines: lines)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        var now: Duration = .zero
        var told: [Int64] = []
        for step in steps {
            switch step {
            case .tells(let source, let times):
                for time in times { merge.receive(Self.entry(time, source == 0 ? "a" : "b"), from: source, at: now) }
            case .breaksOff(let source): merge.resume(source)
            case .hasToldAll(let source): merge.catchUp(source)
            case .timeGoesBy:
                now += .seconds(10)
                _ = merge.overdue(at: now)
            }
            // Longer than what is being written waits.
            now += .milliseconds(400)
            told += Self.times(merge.release(at: now))
        }
        #expect(told == expected)
        #expect(merge.lost == 0)
    }

    @Test("a journal that broke off amid what it held is not named a second time as one that is waited for")
    func namedOnce() {
        var merge = JournalMerge(lines: 5)
        for _ in 0..<2 { merge.addSource(at: .zero) }
        merge.receive(Self.entry(1, "b"), from: 1, at: .zero)
        merge.receive(Self.entry(2, "a"), from: 0, at: .zero)
        _ = merge.release(at: .zero)
        merge.resume(1)
        merge.catchUp(0)
        #expect(merge.silent(at: .seconds(5)).isEmpty)
        #expect(merge.overdue(at: .seconds(10)) == [1])
    }

    @Test("what a machine writes to which a unit moves is none of the latest of before, and is not cut")
    func movedMeanwhile() {
        var merge = JournalMerge(lines: 1)
        merge.addSource(at: .zero)
        for time in [1, 2] as [Int64] { merge.receive(Self.entry(time, "a"), from: 0, at: .zero) }
        merge.addSource(at: .zero, isFirst: false)
        for time in [10, 11, 12] as [Int64] { merge.receive(Self.entry(time, "b"), from: 1, at: .zero) }
        merge.catchUp(1)
        #expect(merge.release(at: .zero).isEmpty)
        merge.catchUp(0)
        #expect(Self.times(merge.release(at: .zero)) == [2, 10, 11, 12])
    }
}
