// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The units that a command is about.
struct UnitArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Names, with .service understood where no type stands; patterns such as 'celix@*' take the known units that the command can act on.",
            valueName: "unit"),
        completion: .custom(UnitCompletion.names))
    var units: [String]
}

/// The units that submit, load or start are about, which may be new.
struct NewUnitArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Paths of unit files, or names: of a known unit, or of an instance of a known template.", valueName: "unit"),
        completion: .custom(UnitCompletion.namesAndFiles))
    var units: [String]

    @Flag(
        help: ArgumentHelp(
            "Where the file here differs from the cluster's, take the one here; an instance without a file here takes its template's in the cluster."
        ))
    var replace = false
}
