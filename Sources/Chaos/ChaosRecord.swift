// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a chaos run on real machines left behind: when each process of each probe lived, and what was done to the machines.
///
/// All times are milliseconds on one clock, the host's time since its boot, which its machines share. The record is all that
/// a check may use: nothing here asks the cluster.
package struct ChaosRecord: Equatable, Sendable {
    /// One process of a probe, from its first sign to its last.
    package struct Run: Equatable, Sendable {
        package var unit: String
        package var machine: String
        package var process: String
        /// When it wrote its first line.
        package var start: Int
        /// When it wrote its last one.
        ///
        /// A process that is killed has lived a moment longer, at most until its next beat.
        package var last: Int
        /// It was asked to stop, and said so.
        package var wasStopped = false
        /// Another process of its unit held the lock when it started: the kernel saw both alive.
        package var foundAnother = false
    }

    /// Something that was done to a machine or to the store.
    package struct Fault: Equatable, Sendable {
        package enum Kind: String, CaseIterable, Sendable {
            /// Power cut, and boot at the end.
            case halt
            /// Cable out, and in at the end.
            case cut
            /// The agent stopped by a signal, and continued at the end.
            case freeze
            /// The agent killed; its systemd starts another.
            case kill
            /// The store stopped by a signal: it takes connections and is silent.
            case etcdFreeze = "etcd-freeze"
            /// The store killed, and started at the end: connections are refused between.
            case etcdKill = "etcd-kill"
            /// The store from its start to its first answer: it takes connections and is silent.
            case etcdStart = "etcd-start"

            /// Nothing is decided anywhere while it lasts.
            package var isOfStore: Bool {
                switch self {
                case .etcdFreeze, .etcdKill, .etcdStart: true
                case .halt, .cut, .freeze, .kill: false
                }
            }
        }

        package var kind: Kind
        /// A machine's name, or `etcd`.
        package var target: String
        /// Never later than the deed.
        package var begin: Int
        /// Never earlier than its undoing; a halted machine has joined again by then.
        package var end: Int

        package var length: Int { end - begin }
    }

    /// A time in which the host itself ran nobody: no fault of the cluster's, yet machines see one another vanish.
    package struct Stall: Equatable, Sendable {
        package var begin: Int
        package var end: Int

        package var length: Int { end - begin }
    }

    package var runs: [Run]
    package var faults: [Fault]
    package var stalls: [Stall]
    package var begin: Int
    package var end: Int
    /// What the faults were chosen by.
    package var seed: String
    /// How often probes said that they lived.
    package var beats: Int
}

/// A record that cannot be used.
package struct ChaosRecordError: Error, Equatable, CustomStringConvertible {
    /// One line: which file and line, and what is wrong with it.
    package var description: String

    package init(description: String) { self.description = description }
}

extension ChaosRecord {
    /// A wait between two beats of the host's clock (one each 100 ms) from which on the host counts as having stood still.
    package static let stallThreshold = 500

    /// Reads a record.
    ///
    /// - Parameters:
    ///   - probes: Each probe's file: its name, for messages, and its text.
    ///   - faults: Text of the file of faults.
    ///   - host: Text of the file of the host's beats.
    /// - Throws: What is wrong, with file and line. A record of a run that did not end is none.
    package init(probes: [(name: String, text: String)], faults: String, host: String) throws(ChaosRecordError) {
        runs = []
        beats = 0
        for probe in probes { try Self.read(probe.text, of: probe.name, into: &runs, beats: &beats) }
        let story = try FaultStory(faults)
        self.faults = story.faults
        seed = story.seed
        begin = story.begin
        end = story.end
        stalls = []
        var former = begin
        for line in try Self.lines(host, of: "host.record", words: 2...2) where line.time >= begin && line.time <= end {
            if line.time - former > Self.stallThreshold { stalls.append(Stall(begin: former, end: line.time)) }
            former = line.time
        }
        if end - former > Self.stallThreshold { stalls.append(Stall(begin: former, end: end)) }
    }

    private static func read(
        _ text: String, of name: String, into runs: inout [Run], beats: inout Int
    ) throws(ChaosRecordError) {
        var known: [String: Int] = [:]
        for line in try lines(text, of: name, words: 5...5) {
            let (word, process) = (line.words[1], line.words[4])
            if word == "start" || word == "double" {
                guard known[process] == nil else { throw line.wrong("process \(process) starts twice") }
                known[process] = runs.count
                runs.append(
                    Run(
                        unit: line.words[2], machine: line.words[3], process: process, start: line.time,
                        last: line.time, foundAnother: word == "double"))
                continue
            }
            guard let index = known[process] else { throw line.wrong("process \(process) never started") }
            // A life that ended before it began would hide another copy's.
            guard line.time >= runs[index].last else { throw line.wrong("process \(process) goes back in time") }
            runs[index].last = line.time
            switch word {
            case "beat": beats += 1
            case "stop": runs[index].wasStopped = true
            default: throw line.wrong("no such word: \(word)")
            }
        }
    }

    /// A line of any of the files: a time, then words.
    struct Line {
        var file: String
        var number: Int
        var time: Int
        var words: [String]

        func wrong(_ what: String) -> ChaosRecordError {
            ChaosRecordError(description: "\(file), line \(number): \(what)")
        }
    }

    static func lines(_ text: String, of file: String, words: ClosedRange<Int>) throws(ChaosRecordError) -> [Line] {
        var lines: [Line] = []
        var number = 0
        for text in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            if text.isEmpty { continue }
            var line = Line(file: file, number: number, time: 0, words: text.split(separator: " ").map(String.init))
            guard words.contains(line.words.count) else {
                throw line.wrong("\(words.upperBound) words are expected, not \(line.words.count)")
            }
            guard let time = milliseconds(line.words[0]) else { throw line.wrong("no time: \(line.words[0])") }
            line.time = time
            lines.append(line)
        }
        return lines
    }

    /// Milliseconds of "123.45": seconds with two places, as the kernel writes its uptime.
    private static func milliseconds(_ text: String) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count == 2, let seconds = Int(parts[0]), let rest = Int(parts[1]),
            (0...1_000_000_000).contains(seconds), (0...99).contains(rest)
        else { return nil }
        return seconds * 1000 + rest * 10
    }
}

/// Faults put together from their beginnings and ends.
private struct FaultStory {
    var faults: [ChaosRecord.Fault] = []
    var seed = ""
    var begin = 0
    var end = 0

    init(_ text: String) throws(ChaosRecordError) {
        var open: [(number: String, fault: ChaosRecord.Fault)] = []
        var last: ChaosRecord.Line?
        for line in try ChaosRecord.lines(text, of: "faults.record", words: 5...5) {
            if let last, last.words[1] == "end", last.words[2] == "chaos" { throw line.wrong("comes after the end") }
            last = line
            let (isBegin, kind, target, number) = (
                line.words[1] == "begin", line.words[2], line.words[3], line.words[4]
            )
            guard isBegin || line.words[1] == "end" else { throw line.wrong("no such word: \(line.words[1])") }
            if kind == "chaos" {
                if isBegin { (seed, begin) = (target, line.time) } else { end = line.time }
                continue
            }
            guard let kind = ChaosRecord.Fault.Kind(rawValue: kind) else { throw line.wrong("no such fault: \(kind)") }
            if isBegin {
                let fault = ChaosRecord.Fault(kind: kind, target: target, begin: line.time, end: line.time)
                open.append((number, fault))
            } else if let index = open.firstIndex(where: { $0.number == number && $0.fault.target == target }) {
                var fault = open.remove(at: index).fault
                fault.end = line.time
                faults.append(fault)
            } else {
                throw line.wrong("fault \(number) ends and has not begun")
            }
        }
        guard !seed.isEmpty, end > begin else {
            throw ChaosRecordError(description: "faults.record: the run has no beginning or no end; it was cut short")
        }
        guard open.isEmpty else {
            throw ChaosRecordError(description: "faults.record: fault \(open[0].number) has no end")
        }
        faults.sort { ($0.begin, $0.target) < ($1.begin, $1.target) }
    }
}
