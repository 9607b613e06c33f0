// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Runs tables of `SECONDS event => directives` for machine A; `seen B 5` is a leader's key of machine B with epoch 5.
struct ElectionScript {
    private var core = ElectionCore(machine: Short.machine("A"))

    static func transcript(_ script: Script) -> String {
        var run = ElectionScript()
        return script.transcript { run.take($0) }
    }

    private mutating func take(_ line: Script.Line) -> String {
        let words = Text.words(line.input)
        guard words.count >= 2, let event = Self.event(words.dropFirst().map(\.self)) else {
            Issue.record("no such event: \(line.input)")
            return ""
        }
        let directives = core.handle(event, at: Short.moment(words[0]))
        return directives.isEmpty ? "-" : directives.map(Self.text).joined(separator: ", ")
    }

    private static func event(_ words: [String]) -> ElectionCore.Event? {
        switch words[0] {
        case "entered": .sessionEntered
        case "left": .sessionLeft
        case "seen":
            .observed(words.count < 3 ? nil : Leadership(machine: Short.machine(words[1]), epoch: Int64(words[2]) ?? 0))
        case "won": .won(Leadership(machine: Short.machine("A"), epoch: Int64(words[1]) ?? 0))
        case "lost": .lost
        case "failed": .campaignFailed
        case "deposed": .deposed
        case "woke": .woke
        case "stopping": .stopping
        default: nil
        }
    }

    private static func text(_ directive: ElectionCore.Directive) -> String {
        switch directive {
        case .campaign: "campaign"
        case .lead(let leadership): "lead \(leadership.epoch)"
        case .stepDown: "step down"
        case .resign(let leadership): "resign \(leadership.epoch)"
        case .wake(let at): "wake \(Short.text(at))"
        }
    }
}

@Suite("Election")
struct ElectionCoreTests {
    @Test("a machine leads while its key stands", arguments: tables)
    func elections(table: NamedScript) {
        let script = Script(table.text)
        #expect(ElectionScript.transcript(script) == script.text)
    }

    static let tables = [
        NamedScript(
            "won, shown, left to another",
            """
            0 entered => -
            1 seen none => campaign
            2 won 5 => lead 5
            3 seen A 5 => -
            4 seen none => step down, campaign
            5 lost => wake 5.5
            6 seen B 7 => -
            7 woke => -
            8 seen none => campaign
            """),
        NamedScript(
            "followers wait for the key to go",
            """
            0 entered => -
            1 seen B 5 => -
            2 woke => -
            3 seen none => campaign
            4 lost => wake 4.5
            5 seen C 9 => -
            """),
        NamedScript(
            "a winner that is gone before the loser learns that it lost",
            """
            0 entered => -
            1 seen none => campaign
            2 seen B 5 => -
            3 seen none => -
            4 lost => wake 4.5
            4.5 woke => campaign
            """),
        NamedScript(
            "a campaign without an answer is repeated",
            """
            0 entered => -
            1 seen none => campaign
            2 failed => wake 2.5
            2.5 woke => campaign
            3 won 5 => lead 5
            """),
        NamedScript(
            "a campaign without an answer that won after all is given back for a new epoch",
            """
            0 entered => -
            1 seen none => campaign
            2 failed => wake 2.5
            2.1 seen A 5 => resign 5, wake 2.6
            2.6 woke => resign 5, wake 3.1
            3 seen none => campaign
            4 won 8 => lead 8
            """),
        NamedScript(
            "a win without an answer that was shown before the answer failed",
            """
            0 entered => -
            1 seen none => campaign
            2 seen A 5 => -
            3 failed => wake 3.5
            3.5 woke => resign 5, wake 4
            """),
        NamedScript(
            "a restarted agent gives back the lead of its former run",
            """
            0 seen A 5 => -
            1 entered => resign 5, wake 1.5
            2 seen none => campaign
            """),
        NamedScript(
            "that nobody leads may be known before there is a session",
            """
            0 seen none => -
            1 entered => campaign
            """),
        NamedScript(
            "told of an end that is older than the win",
            """
            0 entered => -
            1 seen none => campaign
            2 lost => wake 2.5
            2.5 woke => campaign
            3 won 9 => lead 9
            4 seen B 5 => -
            5 seen none => -
            6 seen A 9 => -
            7 seen none => step down, campaign
            """),
        NamedScript(
            "a win that has ended when its answer comes",
            """
            0 entered => -
            1 seen none => campaign
            2 seen A 5 => -
            3 seen none => -
            4 won 5 => campaign
            """),
        NamedScript(
            "a win after which another has won already",
            """
            0 entered => -
            1 seen none => campaign
            2 seen B 7 => -
            3 won 5 => -
            """),
        NamedScript(
            "a later epoch deposes",
            """
            0 entered => -
            1 seen none => campaign
            2 won 5 => lead 5
            3 seen B 7 => step down
            4 deposed => -
            """),
        NamedScript(
            "a guarded write that fails deposes, and somebody leads afterwards",
            """
            0 entered => -
            1 seen none => campaign
            2 won 5 => lead 5
            3 deposed => step down, wake 3.5
            3.5 woke => campaign
            """),
        NamedScript(
            "without a session there is no lead, and a late win is given back",
            """
            0 entered => -
            1 seen none => campaign
            2 left => -
            3 won 5 => resign 5
            4 entered => campaign
            5 won 6 => lead 6
            6 left => step down
            7 woke => -
            """),
        NamedScript(
            "a clean end resigns",
            """
            0 entered => -
            1 seen none => campaign
            2 won 5 => lead 5
            3 stopping => step down, resign 5
            4 stopping => -
            """),
    ]
}
