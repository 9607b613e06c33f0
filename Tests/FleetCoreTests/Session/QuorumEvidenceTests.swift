// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Tables of questions: `MOMENT answers => proof`, a letter for each member that the store has.
///
/// `r` refuses, `n` knows no leader, `f` follows another one, `L` leads, `.` is silent. Answers come at once, in the members' order, or at the moment
/// after a slash. The proof is the newest that any of the answers gave.
@Suite("Evidence that the store has no leader")
struct QuorumEvidenceTests {
    @Test("what the members' answers prove", arguments: tables)
    func proofs(table: NamedScript) {
        let script = Script(table.text)
        var evidence = QuorumEvidence()
        let transcript = script.transcript { line in
            let words = Text.words(line.input)
            let times = words[0].split(separator: "/").map { Short.moment(String($0)) }
            let proofs = words[1].enumerated().compactMap { member, letter in
                Self.answers[letter].flatMap {
                    evidence.take($0, of: member, among: words[1].count, asked: times[0], at: times[times.count - 1])
                }
            }
            return proofs.max().map(Short.text) ?? "-"
        }
        #expect(transcript == script.text)
    }

    @Test("a majority without the rest is what has to be watched, as long as it is fresh")
    func partial() {
        var evidence = QuorumEvidence()
        let start = Short.moment("10")
        #expect(!evidence.isPartial(at: start))
        _ = evidence.take(.refused, of: 0, among: 3, asked: start, at: start)
        #expect(!evidence.isPartial(at: start))
        _ = evidence.take(.noLeader, of: 2, among: 3, asked: start, at: start)
        #expect(evidence.isPartial(at: start))
        #expect(evidence.isPartial(at: start + QuorumEvidence.longestGap))
        #expect(!evidence.isPartial(at: start + QuorumEvidence.longestGap + .milliseconds(1)))
        _ = evidence.take(.refused, of: 1, among: 3, asked: start, at: start)
        #expect(!evidence.isPartial(at: start), "all of them prove it")
        _ = evidence.take(.follows, of: 1, among: 3, asked: start, at: start)
        #expect(evidence.isPartial(at: start))
        _ = evidence.take(.leads, of: 1, among: 3, asked: start, at: start)
        #expect(!evidence.isPartial(at: start))
    }

    @Test("a member that the store does not have proves nothing")
    func stranger() {
        var evidence = QuorumEvidence()
        let now = Short.moment("10")
        #expect(evidence.take(.refused, of: 1, among: 1, asked: now, at: now) == nil)
        #expect(evidence.take(.refused, of: -1, among: 1, asked: now, at: now) == nil)
        #expect(evidence.take(.refused, of: 0, among: 1, asked: now, at: now) == now)
    }

    private static let answers: [Character: MemberAnswer] = ["r": .refused, "n": .noLeader, "f": .follows, "L": .leads]

    static let tables = [
        NamedScript(
            "the only member",
            """
            10 r => 10
            10.2 n => 10.2
            10.4 . => -
            10.6 L => 10.2
            20/21 r => 20
            """),
        NamedScript(
            "all members are down: each answer proves it at once, as of the question",
            """
            10 rrr => 10
            10.2/10.3 nnn => 10.2
            20 rnr => 20
            """),
        NamedScript(
            "two members: a majority is both of them",
            """
            10 r. => -
            12.2 r. => -
            12.3 .n => 12.2
            12.4 rn => 12.4
            """),
        NamedScript(
            "one of three proves nothing, however long it is down",
            """
            10 r.. => -
            10.5 r.. => -
            11 r.. => -
            11.5 r.. => -
            12 r.. => -
            12.5 r.. => -
            13 r.. => -
            """),
        NamedScript(
            "a majority proves it when it has been down for two election time-outs and a margin, and from then on",
            """
            10/10.1 rr. => -
            10.5 rr. => -
            11 rr. => -
            11.5 rr. => -
            12 rr. => -
            12.19 rr. => -
            12.2 rr. => 12.2
            12.4/12.6 rr. => 12.4
            12.8 .rr => 12.4
            """),
        NamedScript(
            "two that run and know no leader count as two that are down",
            """
            10 nr. => -
            10.5 nr. => -
            11 nr. => -
            11.5 nr. => -
            12 nr. => -
            12.1 nr. => 12.1
            """),
        NamedScript(
            "a leader ends it, and the window begins anew: what was proven before is all that is left",
            """
            10 rrr => 10
            10.2 Lrr => 10
            10.7 .rr => 10
            11.2 .rr => 10
            11.7 .rr => 10
            12.2 .rr => 10
            12.3 .rr => 12.3
            12.5 Lrr => 10
            12.7 .rr => 10
            """),
        NamedScript(
            "the leader is gone, and the others follow it until they notice: whoever leads next is elected",
            """
            10 ffr => 10
            10.2 ff. => 10
            10.4 nn. => 10
            10.6 nnr => 10.6
            """),
        NamedScript(
            "the leader lives, out of reach of one who asks, and the others follow it: that proves nothing, however long",
            """
            10 ff. => -
            11 ff. => -
            12 ff. => -
            12.4 ff. => -
            """),
        NamedScript(
            "a leader that answers may go on when the others are back",
            """
            10 ffL => -
            10.2 rrL => -
            10.6 rr. => -
            11.1 rr. => -
            11.6 rr. => -
            12.1 rr. => -
            12.6 rr. => -
            12.7 rr. => 12.7
            """),
        NamedScript(
            "one that follows a leader has heard from it a moment ago: the window begins anew",
            """
            10 rrr.. => -
            10.5 rrr.. => -
            11 rrrf. => -
            11.5 rrr.. => -
            12 rrr.. => -
            12.5 rrr.. => -
            13 rrr.. => -
            13.1 rrr.. => 13.1
            """),
        NamedScript(
            "a gap begins the window anew: the member may have been up meanwhile",
            """
            10 rr. => -
            10.5 rr. => -
            11 rr. => -
            11.5 r.. => -
            11.6 rr. => -
            12.1 rr. => -
            12.6 rr. => -
            13.1 rr. => -
            13.6 rr. => -
            13.7 rr. => 13.7
            14.2/14.3 rr. => -
            """),
        NamedScript(
            "one that ran and refuses now may have heard of a leader between",
            """
            10 nr. => -
            10.5 nr. => -
            11 rr. => -
            11.5 rr. => -
            12 rr. => -
            12.5 rr. => -
            13 rr. => -
            13.1 rr. => 13.1
            """),
        NamedScript(
            "the majority has to be the same all the time",
            """
            10 rrr.. => -
            10.5 rrr.. => -
            11 .rrr. => -
            11.5 .rrr. => -
            12 .rrr. => -
            12.5 .rrr. => -
            13 .rrr. => -
            13.1 .rrr. => 13.1
            """),
        NamedScript(
            "of five the three that are down for longest count",
            """
            10 rrrr. => -
            10.5 rrrr. => -
            11 .rrr. => -
            11.5 .rrr. => -
            12 .rrr. => -
            12.1 .rrr. => 12.1
            """),
        NamedScript(
            "all were down and a majority still refuses: nobody can have been elected, whatever hides behind the silence of the rest",
            """
            10 rrr => 10
            10.2 rrr => 10.2
            10.4 .rr => 10.4
            10.9 .rr => 10.9
            11 ..r => 10.9
            """),
        NamedScript(
            "one that was seen down before the majority was may lead by its votes",
            """
            10/10.1 rrr => 10
            10.3 .rr => 10
            10.7 .rr => 10
            """),
        NamedScript(
            "members that run may elect one that was seen down before",
            """
            10 rrn => 10
            10.2 rrn => 10.2
            10.4 r.n => 10.2
            10.8 r.n => 10.2
            """),
        NamedScript(
            "answers that are overtaken add nothing, and those of another kind show that the member was not the same all the time",
            """
            10 rr. => -
            10.4 rr. => -
            10.2/10.5 rr. => -
            10.8 rr. => -
            10.6/11 nr. => -
            11.2 rr. => -
            11.6 rr. => -
            12 rr. => -
            12.1 rr. => -
            12.5 rr. => -
            12.9 rr. => -
            13.1 rr. => 13.1
            """),
    ]
}
