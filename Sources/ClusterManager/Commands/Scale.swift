// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Scale: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a number of instances of a template.",
        discussion: """
            Instances are numbered from 1: those that are missing, have ended or have failed are started, the lowest number \
            first, and those beyond are unloaded, the highest first. Instances whose names are no numbers are left alone. A template that comes from a file here is \
            submitted, too; one that the cluster has stays as it is there, and 'apply' brings another file. Waits as 'start' \
            does.

            EXAMPLES:
              cluster-manager scale worker@ 5
              cluster-manager scale units/worker@.service 0 --no-block
            """)

    @Argument(
        help: ArgumentHelp("Name of the template, such as worker@, or the path of its file.", valueName: "template"),
        completion: .custom(UnitCompletion.templates))
    var template: String

    @Argument(help: ArgumentHelp("How many instances shall run.", valueName: "count"))
    var count: Int

    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await Scaling.run(template, to: count, patience: wait.patience, in: context)
    }
}
