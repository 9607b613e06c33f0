// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// What `bin/fuzz` makes of what the fuzzing program does; a script stands in for that, so that nothing is built.
@Suite("bin/fuzz") struct FuzzTests {
    /// Three parsers of two kinds; what `glob` does when it is fed is the case's.
    private func run(_ words: [String], glob: String = "fed 7") async throws -> Shell.Outcome {
        try await withTemporaryFolder { folder in
            let program = """
                #!/bin/sh
                fed() { echo "stat::number_of_executed_units: $1" >&2; exit 0; }
                case "$1 $2" in
                "list ") printf 'units unit-file\\nunits glob\\netcd key\\n' ;;
                "seeds "*) echo a >"$3/seed-0" ;;
                "run glob")
                    for word in "$@"; do case $word in -artifact_prefix=*) found=${word#*=} ;; esac; done
                    \(glob)
                    ;;
                "run "*) fed 1000 ;;
                esac
                """
            try write(program, to: "\(folder)/Fuzz", executable: true)
            return try await Shell.run(
                ["bin/fuzz"] + words, environment: ["FLOTILLA_FUZZ_PROGRAM": "\(folder)/Fuzz"])
        }
    }

    @Test("a line for each kind says how many parsers were fed how much, and nothing else is said")
    func quiet() async throws {
        let outcome = try await run([])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(
            outcome.lines == [
                "units: 2 of 2 parsers withstood 1007 inputs in 60 s",
                "etcd: 1 of 1 parsers withstood 1000 inputs in 60 s",
            ])
        #expect(outcome.error.isEmpty)
    }

    @Test(
        "the parsers of a kind share its time, two seconds each at least",
        arguments: [("60", "60", "60"), ("5", "5", "5"), ("1", "4", "2")])
    func shares(seconds: String, units: String, etcd: String) async throws {
        let outcome = try await run(["--seconds", seconds])
        #expect(
            outcome.lines == [
                "units: 2 of 2 parsers withstood 1007 inputs in \(units) s",
                "etcd: 1 of 1 parsers withstood 1000 inputs in \(etcd) s",
            ])
    }

    @Test("a parser that is brought down is named with its input, and the others are fed all the same")
    func broughtDown() async throws {
        let outcome = try await run(
            [], glob: #"printf '[a-' >"${found}crash-1"; echo "Fatal error: out of range" >&2; exit 77"#)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("/found/glob/crash-1:"), "\(outcome.output)")
        #expect(outcome.output.contains("glob: BROUGHT DOWN"))
        #expect(outcome.output.contains("[   a   -"))
        #expect(outcome.output.contains("Fatal error: out of range"))
        #expect(outcome.output.contains("Fuzz run glob /"))
        #expect(outcome.output.contains("units: 1 of 2 parsers withstood 1000 inputs"))
        #expect(outcome.output.contains("etcd: 1 of 1 parsers withstood 1000 inputs"))
        #expect(outcome.error == "bin/fuzz: brought down or fed nothing: glob\n")
    }

    @Test(
        "a parser that was fed nothing is a failure",
        arguments: ["fed 0", "exit 0", "echo 'stat::number_of_executed_units:' >&2"])
    func fedNothing(glob: String) async throws {
        let outcome = try await run([], glob: glob)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("glob: FED NOTHING"), "\(outcome.output)")
        #expect(outcome.error == "bin/fuzz: brought down or fed nothing: glob\n")
    }

    @Test("only the parsers that are named are fed")
    func named() async throws {
        let outcome = try await run(["--seconds", "9", "key"], glob: "exit 1")
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.lines == ["etcd: 1 of 1 parsers withstood 1000 inputs in 9 s"])
    }

    @Test(
        "what cannot be meant is refused",
        arguments: [
            ["nothing"], ["key", "key"], ["--seconds", "0"], ["--seconds", "x"], ["--jobs", "0"], ["--seed"],
        ])
    func refused(words: [String]) async throws {
        let outcome = try await run(words)
        #expect(outcome.status == 2)
        #expect(outcome.error.contains("--help"))
    }

    @Test("the parsers are listed after their kinds")
    func list() async throws {
        #expect(try await run(["--list"]).lines == ["units unit-file", "units glob", "etcd key"])
    }
}
