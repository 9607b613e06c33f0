// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Tables with a lifetime of 60 s.
///
/// Renewals each 15 s, retries each 3 s, margin 6 s, 12 s for stopping. So a proof at `s`
/// lets the guard fire, and kills, at `s + 54`, and fences at `s + 42`.
@Suite("Session")
struct SessionCoreTests {
    @Test("a session is made, resumed and ended", arguments: lifeTables)
    func life(table: NamedScript) {
        let script = Script(table.text)
        #expect(SessionScript.transcript(script) == script.text)
    }

    @Test("a session that is not renewed fences in time", arguments: troubleTables)
    func trouble(table: NamedScript) {
        let script = Script(table.text)
        #expect(SessionScript.transcript(script) == script.text)
    }

    @Test("units are dead before the lease can end, whatever the lifetime", arguments: 1...120)
    func arithmetic(ttl: Int) {
        let timing = SessionTiming(ttl: ttl)
        let proof = Moment(nanoseconds: 5_000_000_000)
        let end = proof + .seconds(ttl)
        #expect(timing.killMoment(proof: proof) == end - timing.margin)
        #expect(timing.killMoment(proof: proof) <= end - .milliseconds(300))
        #expect(timing.fenceMoment(proof: proof) == timing.killMoment(proof: proof) - timing.stopBudget)
        // Between the first renewal that is due and fencing there is time for several attempts.
        let slack = timing.fenceMoment(proof: proof).since(proof + timing.renewInterval)
        #expect(slack >= timing.attemptTimeout || ttl == 1)
        #expect(proof < timing.fenceMoment(proof: proof))
    }

    @Test("an answer counts only while the lease that it is about is the present one")
    func answers() {
        let (first, second) = (SessionLease(id: 7, ttl: 60), SessionLease(id: 8, ttl: 60))
        func moment(_ seconds: Int64) -> Moment { Moment(nanoseconds: seconds * 1_000_000_000) }
        var core = SessionCore(timing: SessionTiming(ttl: 60))
        _ = core.handle(.started(saved: nil, proof: moment(0)), at: moment(0))
        #expect(!core.isAbout(first))
        _ = core.handle(.granted(first, sent: moment(0)), at: moment(1))
        #expect(core.isAbout(first))
        _ = core.handle(.registered, at: moment(2))
        #expect(core.isAbout(first))
        _ = core.handle(.leaseGone, at: moment(3))
        #expect(!core.isAbout(first))
        _ = core.handle(.fenced, at: moment(4))
        _ = core.handle(.granted(second, sent: moment(4)), at: moment(5))
        #expect(core.isAbout(second) && !core.isAbout(first))
    }

    @Test(
        "a majority that stays down is watched from the first question on, and covers the session",
        arguments: [5, 6, 10, 60])
    func watched(ttl: Int) {
        let timing = SessionTiming(ttl: ttl)
        let lease = SessionLease(id: 7, ttl: ttl)
        var now = Moment(nanoseconds: 0)
        var core = SessionCore(timing: timing)
        _ = core.handle(.started(saved: nil, proof: now), at: now)
        _ = core.handle(.granted(lease, sent: now), at: now)
        _ = core.handle(.registered, at: now)
        // The worst that there is: the break comes when the next renewal is due.
        now = now + timing.renewInterval
        let start = now
        var events: [SessionCore.Event] = [.connectionLost]
        var wake = now
        var covered: Moment?
        while now < start + timing.lifetime * 4 {
            if events.isEmpty {
                now = max(now, wake)
                events = [.woke]
            }
            for directive in core.handle(events.removeFirst(), at: now) {
                switch directive {
                case .renew: events.append(.renewFailed)
                case .askForQuorum:
                    // The third is silent.
                    for member in 0..<2 {
                        events.append(.memberAnswered(.refused, member: member, count: 3, asked: now))
                    }
                case .wake(let at): wake = at
                case .report(.coveredByNoQuorum): covered = covered ?? now
                case .fence:
                    Issue.record("fenced \(now.since(start)) after the break")
                    return
                default: break
                }
            }
        }
        let moment = covered ?? now
        #expect(moment >= start + QuorumEvidence.window && moment < timing.fenceMoment(proof: Moment(nanoseconds: 0)))
    }

    static let lifeTables = [
        NamedScript(
            "the store keeps the machine out: units have their time to stop, and the lease is renewed no more",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 registered => feed 54, enter 7 new, wake 15
            3 kept-out => report keptOut, fence 15
            4 renewed @3 => -
            5 kept-out => -
            9 woke => -
            14 fenced => disarm, revoke 7, wake 19
            15 kept-out => -
            18 woke => wake 19
            19 woke => grant
            20 grant-failed => wake 23
            """),
        NamedScript(
            "a connection that breaks is followed by a renewal and a question at once, one at a time",
            """
            0 start => grant
            1 connection-lost => -
            1 granted 7 @0 => register 7
            2 registered => feed 54, enter 7 new, wake 15
            3 connection-lost => renew 7, ask
            3 connection-lost => -
            4 renew-failed => report renewalsFailing, ask, wake 15
            8 connection-lost => renew 7, ask
            9 renewed @8 => report recovered, feed 62, wake 23
            """),
        NamedScript(
            "kept out late in the life of the last proof: units are dead before the lease can end all the same",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 registered => feed 54, enter 7 new, wake 15
            50 kept-out => report keptOut, fence 54
            """),
        NamedScript(
            "first start: the lifetime counts from when the grant was asked for",
            """
            0 start => grant
            2 granted 7 @0 => register 7
            3 registered => feed 54, enter 7 new, wake 15
            20 woke => renew 7, wake 23
            21 renewed @20 => feed 74, wake 35
            40 woke => renew 7, wake 43
            """),
        NamedScript(
            "one registration at a time: each begins a tenure and would shut out the one before",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 woke => wake 5
            5 woke => wake 8
            6 register-failed => wake 9
            9 woke => register 7
            10 woke => wake 13
            11 registered => feed 54, enter 7 new, wake 15
            """),
        NamedScript(
            "a session whose units died without its former run's notice is given up and begun anew",
            """
            20 start 7 @10 => resume 7, wake 52
            20 guard-fired => report guardFired, fence 20
            21 renewed @20 => -
            21 fenced => disarm, revoke 7, grant
            """),
        NamedScript(
            "attempts to grant and to register are repeated",
            """
            0 start => grant
            1 grant-failed => wake 4
            4 woke => grant
            5 granted 7 @4 => register 7
            6 register-failed => wake 9
            9 woke => register 7
            10 registered => feed 58, enter 7 new, wake 19
            """),
        NamedScript(
            "a lease that ends while the record is written is not entered",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 register-lease-gone => grant
            2.5 lease-gone => -
            3 granted 8 @2 => register 8
            43.9 woke => wake 46.9
            44 woke => revoke 8, grant
            45 granted 9 @44 => register 9
            86 registered => revoke 9, grant
            """),
        NamedScript(
            "a restarted agent takes up its session",
            """
            100 start 7 @90 => resume 7, wake 132
            101 renewed @100 => feed 154, enter 7 resumed, wake 115
            """),
        NamedScript(
            "a restarted agent whose store does not answer asks again, then fences as if it had not been restarted",
            """
            100 start 7 @90 => resume 7, wake 132
            110 renew-failed => report renewalsFailing, ask, wake 113
            113 woke => resume 7, wake 116
            116 renew-failed => ask, wake 119
            132 woke => report fencing, fence 144
            133 renewed @113 => -
            """),
        NamedScript(
            "a restarted agent whose store is full keeps its units, and registers when it can",
            """
            100 start 7 @90 => resume 7, wake 132
            102 unregistered @100 => feed 154, wake 115
            115 woke => resume 7, wake 118
            116 unregistered @115 => feed 169, wake 130
            130 woke => resume 7, wake 133
            140 renew-failed => report renewalsFailing, ask, wake 143
            145 woke => resume 7, wake 148
            146 unregistered @145 => feed 199, wake 160
            160 woke => resume 7, wake 163
            161 renewed @160 => feed 214, enter 7 resumed, wake 175
            162 unregistered @145 => -
            """),
        NamedScript(
            "a restarted agent whose session has ended gives up its units at once",
            """
            100 start 7 @90 => resume 7, wake 132
            101 lease-gone => report fencing, fence 101
            102 fenced => disarm, revoke 7, grant
            """),
        NamedScript(
            "an agent that is restarted too late gives up its units at once",
            """
            132 start 7 @90 => report fencing, fence 132
            133 fenced => disarm, revoke 7, grant
            134 granted 8 @133 => register 8
            135 registered => feed 187, enter 8 new, wake 148
            """),
        NamedScript(
            "an old answer to a resumption does not set the proof back",
            """
            100 start 7 @90 => resume 7, wake 132
            101 relayed @100 => feed 154, wake 115
            102 renewed @95 => feed 154, enter 7 resumed, wake 115
            """),
        NamedScript(
            "another machine with the same id",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 taken => report machineIDTaken, revoke 7, wake 17
            10 woke => wake 17
            22 woke => grant
            23 granted 8 @22 => register 8
            24 registered => feed 76, enter 8 new, wake 37
            """),
        NamedScript(
            "a second lease for one session is given back",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 granted 8 @1 => revoke 8
            """),
        NamedScript(
            "stopping ends the lease in every phase that has one",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 registered => feed 54, enter 7 new, wake 15
            3 stopping => disarm, revoke 7
            4 woke => -
            5 renewed @3 => -
            6 granted 9 @5 => revoke 9
            """),
        NamedScript(
            "stopping while the record is written",
            """
            0 start => grant
            1 granted 7 @0 => register 7
            2 stopping => disarm, revoke 7
            3 registered => -
            """),
        NamedScript(
            "stopping before there is a lease",
            """
            0 start => grant
            1 stopping => disarm
            2 granted 7 @0 => revoke 7
            """),
    ]

    private static let held = """
        0 start => grant
        0 granted 7 @0 => register 7
        0 registered => feed 54, enter 7 new, wake 15

        """

    static let troubleTables = [
        NamedScript(
            "renewals that fail are repeated until it is time to fence",
            held + """
                20 woke => renew 7, wake 23
                23 woke => ask, wake 26
                32 renew-failed => report renewalsFailing, ask, wake 35
                35 woke => renew 7, wake 38
                38.5 renew-failed => ask, wake 41.5
                41.5 woke => renew 7, wake 42
                42 woke => report fencing, fence 54
                43 renewed @41.5 => -
                44 relayed @41 => -
                45 refused 0/1 @41 => -
                46 woke => -
                50 fenced => disarm, revoke 7, grant
                51 granted 8 @50 => register 8
                52 registered => feed 104, enter 8 new, wake 65
                """),
        NamedScript(
            "an answer that comes late in the day counts from when it was asked for",
            held + """
                20 woke => renew 7, wake 23
                41 renewed @20 => feed 74, wake 35
                41 woke => renew 7, wake 44
                """),
        NamedScript(
            "success after trouble is told, and trouble is told once each time",
            held + """
                20 woke => renew 7, wake 23
                22 renew-failed => report renewalsFailing, ask, wake 23
                25 woke => renew 7, wake 28
                26 renew-failed => ask, wake 28
                29 woke => renew 7, wake 32
                30 renewed @29 => report recovered, feed 83, wake 44
                49 woke => renew 7, wake 52
                50 renew-failed => report renewalsFailing, ask, wake 52
                """),
        NamedScript(
            "no quorum, proven, is as good as a renewal; it is told once, and asked for at each retry",
            held + """
                20 woke => renew 7, wake 23
                22 renew-failed => report renewalsFailing, ask, wake 23
                24 refused 0/1 @23 => report coveredByNoQuorum, feed 77, wake 27
                34 woke => renew 7, ask, wake 37
                38 renew-failed => ask, wake 41
                41 refused 0/1 @39 => feed 93, wake 44
                51 woke => renew 7, ask, wake 54
                52 renewed @51 => report recovered, feed 105, wake 66
                """),
        NamedScript(
            "a question without an answer keeps none from being asked, and answers that prove nothing put no look off",
            held + """
                20 woke => renew 7, wake 23
                21 renew-failed => report renewalsFailing, ask, wake 23
                22 refused 0/1 @21 => report coveredByNoQuorum, feed 75, wake 25
                25 woke => renew 7, ask, wake 28
                28 woke => ask, wake 31
                31 woke => ask, wake 34
                34 refused 0/1 @31 => feed 85, wake 37
                """),
        NamedScript(
            "an old proof of no quorum proves nothing new",
            held + """
                20 woke => renew 7, wake 23
                22 renew-failed => report renewalsFailing, ask, wake 23
                23 relayed @22.5 => feed 76.5, wake 30.5
                24 refused 0/1 @22 => -
                """),
        NamedScript(
            "a proof that took its time does not delay fencing beyond its own moment",
            held + """
                20 woke => renew 7, wake 23
                22 renew-failed => report renewalsFailing, ask, wake 23
                41 refused 0/1 @1 => report coveredByNoQuorum, feed 55, wake 43
                43 woke => report fencing, fence 55
                """),
        NamedScript(
            "time-outs alone prove nothing",
            held + """
                20 woke => renew 7, wake 23
                32 renew-failed => report renewalsFailing, ask, wake 35
                42 woke => report fencing, fence 54
                """),
        NamedScript(
            "a relayed renewal keeps the session, and the own way is tried again",
            held + """
                20 woke => renew 7, wake 23
                32 renew-failed => report renewalsFailing, ask, wake 35
                33 relayed @32 => feed 86, wake 40.5
                43 woke => renew 7, wake 47
                44 renewed @43 => report recovered, feed 97, wake 58
                """),
        NamedScript(
            "a lease that the store has ended fences with no time for stopping",
            held + """
                20 woke => renew 7, wake 23
                21 lease-gone => report fencing, fence 21
                22 fenced => disarm, revoke 7, grant
                """),
        NamedScript(
            "a frozen agent that wakes too late fences at once, its kill moment long gone",
            held + """
                300 woke => report fencing, fence 54
                """),
        NamedScript(
            "a guard that fired ends the session and gives its lease back",
            held + """
                21 guard-fired => report guardFired, fence 21
                22 fenced => disarm, revoke 7, grant
                23 guard-fired => -
                """),
        NamedScript(
            "coverage is told anew in a new session",
            held + """
                20 renew-failed => report renewalsFailing, ask, wake 23
                21 refused 0/1 @20.5 => report coveredByNoQuorum, feed 74.5, wake 24
                22 lease-gone => report fencing, fence 22
                23 fenced => disarm, revoke 7, grant
                24 granted 8 @23 => register 8
                24 registered => feed 77, enter 8 new, wake 38
                43 renew-failed => report renewalsFailing, ask, wake 46
                44 refused 0/1 @43.5 => report coveredByNoQuorum, feed 97.5, wake 47
                """),
        NamedScript(
            "a foreign store suspends: nothing is stopped, nothing is taken on, and the guard is quiet",
            held + """
                20 woke => renew 7, wake 23
                21 foreign => report foreignStore, disarm, wake 36
                41 woke => renew 7, wake 56
                42 foreign => wake 57
                300 woke => renew 7, wake 315
                301 own-store => resume 7, wake 343
                302 renewed @301 => feed 355, enter 7 resumed, wake 316
                """),
        NamedScript(
            "a store that returns without the lease fences",
            held + """
                21 foreign => report foreignStore, disarm, wake 36
                301 own-store => resume 7, wake 343
                302 lease-gone => report fencing, fence 302
                """),
        NamedScript(
            "stray answers in a held session change nothing",
            held + """
                1 register-failed => -
                1 grant-failed => -
                1 taken => -
                1 registered => -
                1 fenced => -
                1 own-store => -
                """),
    ]
}
