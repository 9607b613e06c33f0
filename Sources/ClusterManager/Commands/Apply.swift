// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Apply: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the cluster's units to what files here say, and touch nothing else.",
        discussion: """
            A unit that is new is submitted. One whose file differs gets the file here and keeps its wanted state: if it runs \
            it is restarted, on its machine if it still fits there. Instances that run a changed template's former file change \
            with it. What is the same stays untouched; units without a file here are left alone. A folder stands for the unit \
            files in it. All files are checked before the first is sent.

            EXAMPLES:
              cluster-manager apply units/ --dry-run
              cluster-manager apply web.service worker@.service
            """)

    @Argument(
        help: ArgumentHelp("Paths of unit files, or folders of them.", valueName: "file|folder"), completion: .file())
    var paths: [String]

    @Flag(name: .customLong("dry-run"), help: "Say what would be done, and do nothing.")
    var dryRun = false

    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await Applying.run(paths, dryRun: dryRun, patience: wait.patience, in: context)
    }
}
