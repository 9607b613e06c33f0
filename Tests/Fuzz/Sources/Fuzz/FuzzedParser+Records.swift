// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Chaos

extension FuzzedParser {
    /// What a chaos run left behind: lines of machines that lost their power while they wrote.
    static var records: [FuzzedParser] {
        [
            FuzzedParser(
                name: "chaos-record",
                seeds: [
                    "2.00 start a w1 p\n2.10 beat a w1 p\n3.00 double a w2 q\n4.00 stop a w2 q\n\0"
                        + "1.00 begin chaos 5 0\n2.05 begin cut w1 1\n3.55 end cut w1 1\n9.00 end chaos 5 0\n\0"
                        + "1.00 beat\n1.40 beat\n3.50 beat\n",
                    "\u{0}1.00 begin chaos 1 0\n1.50 begin etcd-kill etcd 1\n2.00 end etcd-kill etcd 1\n9.00 end chaos 1 0\n\0",
                ],
                feed: { bytes in
                    // A probe's file, the faults and the host's beats, parted by zero bytes.
                    let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
                        .map { String(decoding: $0, as: UTF8.self) }
                    let rest = Array(parts.dropFirst()) + ["", ""]
                    guard
                        let record = try? ChaosRecord(
                            probes: [("a.record", parts[0])], faults: rest[0], host: rest[1])
                    else { return }
                    require(record.end > record.begin && !record.seed.isEmpty, "a run that never was is a record")
                    let verdict = RecordCheck(record, limits: RecordCheck.Limits(ttl: 5000)).run()
                    _ = verdict.report
                    require(!record.runs.contains(where: \.foundAnother) || !verdict.broken.isEmpty, "two at once pass")
                })
        ]
    }
}
