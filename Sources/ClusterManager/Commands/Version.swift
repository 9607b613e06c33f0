// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Version: LocalCommand {
    static let configuration = CommandConfiguration(abstract: "Print this program's version.")

    @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

    func run(on console: Console) async throws {
        switch try global.format() {
        case .table: console.output.line("cluster-manager version \(Program.version)")
        case .json: console.output.write(try JSONOutput.text(["version": Program.version]))
        }
    }
}
