// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Systemd

@Suite("Guard, without a machine")
struct GuardTests {
    private func parse(_ chunks: [String]) -> [GuardCommand?] {
        var parser = GuardLineParser()
        return chunks.map { chunk in Array(chunk.utf8).withUnsafeBytes { parser.take($0) } }
    }

    @Test(
        "what the feeder writes is what the guard reads",
        arguments: [.disarm, .deadline(0), .deadline(.max)] as [GuardCommand])
    func roundTrip(_ command: GuardCommand) {
        #expect(parse([command.line]) == [command])
        #expect(command.line.utf8.count <= GuardCommand.longestLine)
    }

    @Test(
        "of several lines the last command counts, whatever the cuts between reads",
        arguments: [
            (["deadline 1\ndeadline 2\n"], [.deadline(2)]),
            (["dead", "line 12", "3\ndis", "arm\n"], [nil, nil, .deadline(123), .disarm]),
            (["disarm\ndeadline 5"], [.disarm]),
        ] as [([String], [GuardCommand?])])
    func batches(chunks: [String], commands: [GuardCommand?]) {
        #expect(parse(chunks) == commands)
    }

    @Test(
        "lines that are no command change nothing, and the next line counts again",
        arguments: [
            "deadline \n", "deadline -1\n", "deadline 18446744073709551616\n", "deadline 1 \n", " disarm\n", "\n",
            "deadline 1\r\n", String(repeating: "x", count: 100_000) + "disarm\n",
        ])
    func garbage(line: String) {
        #expect(parse([line]) == [nil])
        #expect(parse([line, "disarm\n"]) == [nil, .disarm])
    }

    @Test(
        "the remaining time is rounded down and never 0, which would switch the watchdog off",
        arguments: [(5_000_999, 1_000_000, 4000), (1_000_500, 1_000_000, 1), (1, 2, 1), (2, 2, 1)]
            as [(UInt64, UInt64, UInt64)])
    func remaining(deadline: UInt64, now: UInt64, microseconds: UInt64) {
        #expect(GuardProcess.remainingMicroseconds(until: deadline, now: now) == microseconds)
    }

    @Test(
        "words of a command line stand for themselves",
        arguments: [
            ("/usr/bin/x", #""/usr/bin/x""#), ("a b", #""a b""#), ("50%", #""50%%""#), ("$HOME", #""$$HOME""#),
            (#"a"\b"#, #""a\"\\b""#),
        ])
    func quoting(word: String, quoted: String) throws {
        #expect(try GuardUnit.quote(word) == quoted)
    }

    @Test("a path that would break out of its line, or is relative, is refused")
    func badPaths() {
        for (executable, folder) in [("/bin/x\nExecStart=/bin/y", "/run/f"), ("bin/x", "/run/f"), ("/bin/x", "run/f")] {
            let error = #expect(throws: SystemdError.self) {
                try GuardUnit.text(
                    executable: executable, runtimeDirectory: folder,
                    controlGroups: ControlGroupTree.ofThisMachine().root, initialSeconds: 5)
            }
            #expect(error?.code == .invalidArgument)
        }
        let error = #expect(throws: SystemdError.self) {
            try GuardUnit.text(
                executable: "/bin/x", runtimeDirectory: "/run/f", controlGroups: ControlGroupTree.ofThisMachine().root,
                initialSeconds: 0)
        }
        #expect(error?.code == .invalidArgument)
    }
}
