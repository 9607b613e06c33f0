// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Chaos
import Testing

@Suite("a chaos run's record") struct ChaosRecordTests {
    private static let whole = "1.00 begin chaos 1 0\n9.00 end chaos 1 0\n"

    @Test(
        "what cannot be a record is refused with file and line",
        arguments: [
            ("1.00 start a m\n", whole, "", "a.record, line 1: 5 words are expected, not 4"),
            ("1.00 start a m p\n\n1.00 start a m p\n", whole, "", "a.record, line 3: process p starts twice"),
            ("1.00 beat a m p\n", whole, "", "a.record, line 1: process p never started"),
            ("1.00 start a m p\n2.00 jump a m p\n", whole, "", "a.record, line 2: no such word: jump"),
            ("2.00 start a m p\n1.99 beat a m p\n", whole, "", "a.record, line 2: process p goes back in time"),
            ("1.0 start a m p\n", whole, "", "a.record, line 1: no time: 1.0"),
            ("-1.00 start a m p\n", whole, "", "a.record, line 1: no time: -1.00"),
            ("99999999999999999999.00 start a m p\n", whole, "", "a.record, line 1: no time: 99999999999999999999.00"),
            ("", "1.00 begin chaos 1 0\n", "", "faults.record: the run has no beginning or no end; it was cut short"),
            ("", "1.00 begin chaos 1 0\n2.00 begin flood m 1\n", "", "faults.record, line 2: no such fault: flood"),
            (
                "", "1.00 begin chaos 1 0\n2.00 end cut m 1\n", "",
                "faults.record, line 2: fault 1 ends and has not begun"
            ),
            (
                "", "1.00 begin chaos 1 0\n2.00 begin cut m 1\n9.00 end chaos 1 0\n", "",
                "faults.record: fault 1 has no end"
            ),
            ("", whole + "9.50 begin cut m 1\n", "", "faults.record, line 3: comes after the end"),
            ("", whole, "1.00\n", "host.record, line 1: 2 words are expected, not 1"),
        ])
    func refused(probe: String, faults: String, host: String, message: String) {
        let error = #expect(throws: ChaosRecordError.self) {
            _ = try ChaosRecord(probes: [("a.record", probe)], faults: faults, host: host)
        }
        #expect(error?.description == message)
    }

    @Test("processes, faults and the host's stand-stills are put together from their lines")
    func read() throws {
        let record = try ChaosRecord(
            probes: [
                (
                    "a.record",
                    "2.00 start a w1 p\n2.10 beat a w1 p\n3.00 double a w2 q\n3.10 beat a w1 p\n4.00 stop a w2 q\n"
                )
            ],
            faults: "1.00 begin chaos 5 0\n2.05 begin cut w1 1\n3.55 end cut w1 1\n4.00 end chaos 5 0\n",
            host: "1.00 beat\n1.40 beat\n2.00 beat\n3.50 beat\n")
        #expect(
            record.runs.map { "\($0.process) \($0.machine) \($0.start) \($0.last)" } == [
                "p w1 2000 3100", "q w2 3000 4000",
            ])
        #expect(record.runs.map(\.wasStopped) == [false, true])
        #expect(record.runs.map(\.foundAnother) == [false, true])
        #expect(record.beats == 2)
        #expect(record.faults.map { "\($0.kind) \($0.target) \($0.begin) \($0.end)" } == ["cut w1 2050 3550"])
        #expect(record.stalls.map(\.begin) == [1400, 2000] && record.stalls.map(\.end) == [2000, 3500])
        #expect(record.seed == "5")
    }
}
