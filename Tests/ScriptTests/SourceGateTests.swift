// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("bin/check-sources") struct SourceGateTests {
    private static let marks = "// SPDX-FileCopyrightText: x\n// SPDX-License-Identifier: Apache-2.0\n"
    private static let scriptMarks =
        "#!/usr/bin/env bash\n# SPDX-FileCopyrightText: x\n# SPDX-License-Identifier: Apache-2.0\n"

    private func check(_ file: String, _ text: String) async throws -> Shell.Outcome {
        try await withTemporaryFolder { folder in
            let made = try await Shell.run(["git", "init", "--quiet", folder])
            try #require(made.status == 0, "\(made.error)")
            try write(try contents(".swift-format"), to: "\(folder)/.swift-format")
            try write("\(Self.marks)\nlet answer = 42\n", to: "\(folder)/Sources/Fine/Fine.swift")
            try write("\(Self.scriptMarks)echo fine\n", to: "\(folder)/bin/fine")
            try write(text, to: "\(folder)/\(file)")
            return try await Shell.run(["bin/check-sources"], environment: ["FLOTILLA_CHECK_ROOT": folder])
        }
    }

    @Test("clean sources pass")
    func clean() async throws {
        let outcome = try await check("Sources/Fine/More.swift", "\(Self.marks)\nimport FoundationEssentials\n")
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    @Test("a shell that takes its tasks and pauses from its port passes")
    func port() async throws {
        let text = """
            \(Self.marks)
            timer = clockwork.spawn {
                try? await self.clockwork.sleep(for: pause)
                if !Task.isCancelled { work() }
            }

            """
        let outcome = try await check("Sources/Agent/Fine.swift", text)
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    @Test(
        "each gate stops what it is there for",
        arguments: [
            ("bin/wrong", "\(scriptMarks)echo $1\n", "shellcheck"),
            ("bin/lib/wrong.sh", "\(marks.replacing("//", with: "#"))cd $1\n", "shellcheck"),
            ("Sources/A/Wrong.swift", "\(marks)\nlet a=1;\n", "swift format lint"),
            ("Sources/A/Wrong.swift", "\(marks)\nimport Foundation\n", "no import of Foundation"),
            ("Sources/A/Wrong.swift", "\(marks)\npackage import Foundation\n", "no import of Foundation"),
            (
                "Sources/A/Wrong.swift", "\(marks)\n@preconcurrency import FoundationNetworking\n",
                "no import of Foundation"
            ),
            ("Sources/FleetCore/Wrong.swift", "\(marks)\nimport FoundationEssentials\n", "FleetCore imports nothing"),
            ("Sources/Agent/Wrong.swift", "\(marks)\ntry await Task.sleep(for: pause)\n", "shells take time"),
            ("Sources/Agent/Wrong.swift", "\(marks)\nTask { await run() }\n", "shells take time"),
            ("Sources/Agent/Wrong.swift", "\(marks)\nlet now = ContinuousClock.now\n", "shells take time"),
            ("Sources/Agent/Wrong.swift", "\(marks)\nlet now = Date()\n", "shells take time"),
            ("Sources/Agent/Wrong.swift", "\(marks)\nlet part = Int.random(in: 1...6)\n", "shells take time"),
            ("Sources/NodeAgent/Wrong.swift", "\(marks)\nexit(1)\n", "programs end by endProcess"),
            ("Sources/cluster-sim/Wrong.swift", "\(marks)\nprint(1)\n", "results are written by OutputSink"),
            ("Sources/NodeAgent/Wrong.swift", "\(marks)\nprint(1)\n", "results are written by OutputSink"),
            ("Sources/A/Wrong.swift", "let a = 1\n", "SPDX lines"),
            ("units/wrong.service", "[Unit]\n", "SPDX lines"),
        ])
    func stops(file: String, text: String, gate: String) async throws {
        let outcome = try await check(file, text)
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("gate failed: \(gate)"), "\(outcome.error)")
    }
}
