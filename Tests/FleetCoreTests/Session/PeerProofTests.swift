// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// What a machine that asked the store too late learns from peers that asked in time.
@Suite("Session: a proof that a peer has") struct PeerProofTests {
    @Test("a peer's proof counts as one's own would", arguments: tables)
    func proofs(table: NamedScript) {
        let script = Script(table.text)
        #expect(SessionScript.transcript(script) == script.text)
    }

    private static let held = """
        0 start => grant
        0 granted 7 @0 => register 7
        0 registered => feed 54, enter 7 new, wake 15
        20 woke => renew 7, wake 23
        22 renew-failed => report renewalsFailing, ask, wake 23

        """

    static let tables = [
        NamedScript(
            "it covers, is told once, and ends with a renewal",
            held + """
                24 peer-proof @21 => report coveredByNoQuorum, feed 75, wake 27
                34 peer-proof @33 => feed 87, wake 37
                40 renewed @39 => report recovered, feed 93, wake 54
                """),
        NamedScript(
            "one that is no newer than the last renewal proves nothing", held + "23 peer-proof @0 => -"),
        NamedScript(
            "one that comes when the lease may have ended comes too late", held + "54 peer-proof @53 => -"),
        NamedScript("a moment that is still to come is none", held + "23 peer-proof @24 => -"),
        NamedScript(
            "a proof of one's own takes its place",
            held + """
                24 peer-proof @21 => report coveredByNoQuorum, feed 75, wake 27
                27 refused 0/1 @26 => feed 80, wake 30
                """),
        NamedScript(
            "a renewal by a peer says that there is a leader",
            held + """
                24 peer-proof @21 => report coveredByNoQuorum, feed 75, wake 27
                40 relayed @39 => feed 93, wake 47.5
                44 woke => renew 7, wake 54
                45 renewed @44 => report recovered, feed 98, wake 59
                """),
        NamedScript("who has no session has no use for it", "0 start => grant\n1 peer-proof @0.5 => -"),
    ]

    @Test("peers are asked when a proof is due, by who has none of its own, and at most once for each renewal's time")
    func asking() {
        func moment(_ seconds: Int64) -> Moment { Moment(nanoseconds: seconds * 1_000_000_000) }
        let lease = SessionLease(id: 7, ttl: 60)
        var core = SessionCore(timing: SessionTiming(ttl: 60))
        _ = core.handle(.started(saved: nil, proof: moment(0)), at: moment(0))
        _ = core.handle(.granted(lease, sent: moment(0)), at: moment(0))
        #expect(!core.wantsRelay(at: moment(0)))
        _ = core.handle(.registered, at: moment(0))
        #expect(!core.wantsRelay(at: moment(14)) && core.wantsRelay(at: moment(15)))
        _ = core.handle(.renewFailed, at: moment(10))
        #expect(core.wantsRelay(at: moment(10)))
        _ = core.handle(.proofOfPeer(moment(9)), at: moment(11))
        #expect(core.noQuorum == moment(9))
        #expect(!core.wantsRelay(at: moment(23)) && core.wantsRelay(at: moment(24)))
        _ = core.handle(.memberAnswered(.refused, member: 0, count: 1, asked: moment(12)), at: moment(13))
        #expect(core.noQuorum == moment(12))
        #expect(
            !core.wantsRelay(at: moment(26)) && core.wantsRelay(at: moment(27)),
            "a store that is back may be so for peers alone")
        _ = core.handle(.proofOfPeer(moment(30)), at: moment(31))
        #expect(!core.wantsRelay(at: moment(44)))
        // What was proven stays so when the store is back: a peer may have missed it.
        _ = core.handle(.renewed(sent: moment(32)), at: moment(33))
        #expect(core.noQuorum == moment(30))
        #expect(!core.wantsRelay(at: moment(46)) && core.wantsRelay(at: moment(47)))
        // A session that has ended proves that something went on unseen: perhaps time.
        _ = core.handle(.leaseGone, at: moment(48))
        #expect(core.noQuorum == nil)
    }

    @Test(
        "a peer's proof is of use when it is younger by what two clocks may differ, and no number from outside breaks it"
    )
    func ages() {
        let sent = Moment(nanoseconds: 100_000_000_000)
        #expect(SessionTiming.moment(ofProofAged: .seconds(50), askedAt: sent) == Moment(nanoseconds: 49_000_000_000))
        #expect(SessionTiming.helps(proofAged: .seconds(50), against: .milliseconds(51_001)))
        #expect(!SessionTiming.helps(proofAged: .seconds(50), against: .seconds(51)))
        for age in [Int64.max, 9_042_521_604_803, 9_223_372_036_855, 9_223_372_036_854] {
            #expect(SessionTiming.moment(ofProofAged: .milliseconds(age), askedAt: sent) < sent)
            #expect(!SessionTiming.helps(proofAged: .milliseconds(age), against: .seconds(5)))
        }
    }
}
