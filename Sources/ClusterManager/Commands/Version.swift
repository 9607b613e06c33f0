// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Version: LocalCommand {
    static let configuration = CommandConfiguration(abstract: "Print this program's version.")

    func run(on console: Console) async throws { console.output.line("cluster-manager version \(Program.version)") }
}
