// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// What a session does when a connection to the store breaks, which is when the store may be going down.
///
/// Times are those of `SessionCoreTests`. `all-refuse` is a proof by all members, `no-quorum` one by a majority.
@Suite("Session: the store may be going down")
struct SessionAlarmTests {
    @Test("a store that is back in a moment has been seen dead", arguments: tables)
    func alarm(table: NamedScript) {
        let script = Script(table.text)
        #expect(SessionScript.transcript(script) == script.text)
    }

    private static let held = """
        0 start => grant
        0 granted 7 @0 => register 7
        0 registered => feed 54, enter 7 new, wake 15

        """

    static let tables = [
        NamedScript(
            "a connection that breaks is followed by a renewal at once, one at a time, and by the question for the quorum",
            """
            0 start => grant
            1 connection-lost => -
            1 granted 7 @0 => register 7
            2 registered => feed 54, enter 7 new, wake 15
            3 connection-lost => renew 7, ask, wake 6
            3 connection-lost => -
            4 renew-failed => report renewalsFailing, wake 6
            6 woke => renew 7, ask, wake 9
            """),
        NamedScript(
            "a run that has not confirmed its session yet asks for the proof as well",
            """
            100 start 7 @90 => resume 7, wake 132
            101 connection-lost => ask, wake 104
            102 all-refuse @101 => report coveredByNoQuorum, feed 155, wake 105
            112 renew-failed => ask, wake 115
            115 woke => resume 7, ask, wake 118
            116 renewed @115 => feed 169, enter 7 resumed, wake 130
            """),
        NamedScript(
            "an agent that was frozen until it is time to fence looks for no proof",
            held + """
                43 connection-lost => report fencing, fence 54
                """),
        NamedScript(
            "who is in trouble is not alarmed again: it asks at its retries",
            held + """
                20 renew-failed => report renewalsFailing, ask, wake 23
                21 connection-lost => -
                """),
        NamedScript(
            "a store that is back in a moment is asked at once, while its last renewal brings no answer",
            held + """
                14 connection-lost => renew 7, ask, wake 17
                14.1 quorum-unproven => wake 14.7
                14.7 woke => ask, wake 17.7
                15 all-refuse @14.7 => report coveredByNoQuorum, feed 68.7, wake 18
                18 woke => ask, wake 21
                26 renew-failed => ask, wake 29
                29 woke => renew 7, ask, wake 32
                32 renewed @29 => report recovered, feed 83, wake 44
                """),
        NamedScript(
            "questions to a store that answers them while it goes down are ever rarer, and as often as retries at last",
            held + """
                14 connection-lost => renew 7, ask, wake 17
                14.1 quorum-unproven => wake 14.7
                14.7 woke => ask, wake 17.7
                14.8 quorum-unproven => wake 15.6
                15.6 woke => ask, wake 18.6
                15.7 quorum-unproven => wake 17.4
                17.4 woke => ask, wake 20.4
                17.5 quorum-unproven => wake 20.4
                20.4 woke => ask, wake 23.4
                26 renew-failed => report renewalsFailing, ask, wake 29
                27 quorum-unproven => wake 29
                29 woke => renew 7, ask, wake 32
                42 woke => report fencing, fence 54
                """),
        NamedScript(
            "a renewal that was sent before the connection broke does not end the alarm, one that was sent later does",
            held + """
                15 woke => renew 7, wake 18
                15.5 connection-lost => ask, wake 18
                15.6 renewed @15 => feed 69, wake 18.6
                15.7 quorum-unproven => wake 16.3
                16.3 woke => renew 7, ask, wake 19.3
                16.4 renewed @16.3 => feed 70.3, wake 31.3
                16.5 quorum-unproven => wake 31.3
                """),
        NamedScript(
            "members that are a mere majority prove nothing before a renewal has had its time: the rest may go on leading",
            held + """
                14 connection-lost => renew 7, ask, wake 17
                14.1 no-quorum @14 => wake 14.7
                14.7 woke => ask, wake 17.7
                17.7 woke => ask, wake 20.7
                26 renew-failed => report renewalsFailing, ask, wake 29
                27 no-quorum @26 => report coveredByNoQuorum, feed 80, wake 30
                28 connection-lost => -
                """),
    ]
}
