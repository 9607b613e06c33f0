// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct RunPolicyTests {
    @Test(
        "a oneshot service runs once, all else for good",
        arguments: [
            ("job.service", "[Service]\nType=oneshot", RunPolicy.once(retriesFailure: false)),
            ("job@1.service", "[Service]\nType=oneshot\nRemainAfterExit=no", .once(retriesFailure: false)),
            ("job.service", "[Service]\nType=oneshot\nRestart=on-failure", .once(retriesFailure: true)),
            ("job.service", "[Service]\nType=oneshot\nRestart=no", .once(retriesFailure: false)),
            ("job.service", "[Service]\nType=oneshot\nType=simple", .always),
            ("job.service", "[Service]\nType=oneshot\nType=\nType=once", .once(retriesFailure: false)),
            (
                "job.service", "[Service]\nType=oneshot\nRestart=always\nRestart=\nRestart=yes",
                .once(retriesFailure: true)
            ),
            ("job.service", "[Service]\nExecStop=/bin/true\nRemainAfterExit=yes", .always),
            ("job.service", "[Service]\nType=oneshot\nRemainAfterExit=Yes", .always),
            ("job.service", "[Service]\nType=oneshot\n[X-Fleet]\nRunAgain=true", .always),
            ("job.service", "[Service]\nType=oneshot\n[X-Fleet]\nRunAgain=no", .once(retriesFailure: false)),
            ("job.service", "[Service]\nType=oneshot\n[X-Fleet]\nGlobal=true", .always),
            ("job.service", "[Service]\nExecStart=/bin/true", .always),
            ("job.timer", "[Timer]\nOnBootSec=1\n[Service]\nType=oneshot", .always),
        ])
    func policy(name: String, text: String, expected: RunPolicy) throws {
        let file = try UnitFile(parsing: text + "\n")
        #expect(RunPolicy(of: file, for: UnitName(unchecked: name)) == expected)
    }

    @Test("types that systemd loads from no file say so", arguments: UnitType.allCases)
    func unloadable(type: UnitType) {
        #expect((type.unloadable != nil) == [.scope, .snapshot, .busname].contains(type))
    }
}
