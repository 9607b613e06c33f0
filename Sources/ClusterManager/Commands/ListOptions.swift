// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// How a listing looks.
struct ListOptions: ParsableArguments {
    @Flag(name: .customLong("no-legend"), help: "Leave out the line with the columns' names.")
    var noLegend = false

    @Flag(name: [.long, .customShort("l"), .customLong("l")], help: "Show ids and hashes whole.")
    var full = false

    @Option(
        help: ArgumentHelp("Which columns to show, in this order, separated by commas.", valueName: "list"),
        completion: .custom(UnitCompletion.fields))
    var fields: String?

    /// The columns asked for; `nil` for the usual ones.
    var fieldNames: [String]? {
        fields.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    var layout: TableLayout { TableLayout(hasLegend: !noLegend, isFull: full) }
}
