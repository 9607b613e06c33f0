// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The units that a listing is about.
struct ListedUnits: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Only these: names, with .service understood where no type stands, or patterns such as 'celix@*'.",
            valueName: "unit"),
        completion: .custom(UnitCompletion.names))
    var units: [String] = []
}
