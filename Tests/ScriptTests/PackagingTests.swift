// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// What `bin/build-packages` makes is tested on machines: `ClusterTests.PackageTests`.
@Suite("bin/build-packages") struct PackagingTests {
    @Test(
        "wrong arguments are refused before anything is made",
        arguments: [
            (["--version"], "--version needs a version"), (["--version", "v1"], "begins with a digit"),
            (["--version", "1 2"], "begins with a digit"), (["--version", "1-2"], "begins with a digit"),
            (["--colour"], "unknown argument --colour"), (["a", "b"], "one folder, please"),
        ])
    func refused(words: [String], part: String) async throws {
        let outcome = try await Shell.run(["bin/build-packages"] + words)
        #expect(outcome.status == 2 && outcome.error.contains(part), "\(outcome)")
    }

    @Test("programs that have not been built are an error that says what to do")
    func notBuilt() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await Shell.run(
                ["bin/build-packages", "\(folder)/packages"], environment: ["FLOTILLA_BIN_DIR": folder])
            #expect(
                outcome.status == 1 && outcome.error.contains("run bin/build, or set FLOTILLA_BIN_DIR"), "\(outcome)")
        }
    }
}
