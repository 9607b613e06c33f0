// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Calls about units and what machines report of them: fleet's, and what we add below its prefix.
extension APICall {
    static let units: [APICall] = [listUnits, readUnit, putUnit, destroyUnit, restartUnit, explainUnit]
    static let states: [APICall] = [listStates, readState]

    package static let listUnits = APICall(
        "listUnits", .get, API.prefix + "/units", "List the units, sorted by name",
        query: [.page, .everything], answers: [Answer(200, "One page.", .json(API.UnitPage.self))])

    package static let readUnit = APICall(
        "readUnit", .get, API.prefix + "/units/{name}", "Read one unit",
        answers: [Answer(200, "The unit.", .json(API.Unit.self))], refusals: [404: noUnit])

    package static let putUnit = APICall(
        "putUnit", .put, API.prefix + "/units/{name}", "Create a unit, replace its file, or change its desired state",
        details:
            "A file comes as options or as contents. A unit that does not exist is created. A unit that exists with another "
            + "file gets the new one, and the desired state that is given, inactive by default. A unit that exists with the same "
            + "file, or a request without one, changes the desired state.",
        body: .json(API.Unit.self),
        answers: [
            Answer(201, "Created, or its file replaced.", hasRevision: true),
            Answer(204, "The desired state is set.", hasRevision: true),
        ],
        refusals: [
            409:
                "No file is given for a unit that does not exist, or nothing is given to change; or another unit has one of its names.",
            415: "The content type is not application/json, or not given exactly once.",
        ])

    package static let destroyUnit = APICall(
        "destroyUnit", .delete, API.prefix + "/units/{name}", "Stop a unit and forget it",
        answers: [Answer(204, "Destroyed.", hasRevision: true)], refusals: [404: noUnit])

    package static let restartUnit = APICall(
        "restartUnit", .post, API.prefix + "/units/{name}/restart", "Restart a launched unit where it runs",
        answers: [Answer(204, "The restart is asked for; Unit.restarts is one higher.", hasRevision: true)],
        refusals: [404: noUnit, 409: "The unit is not launched."])

    package static let explainUnit = APICall(
        "explainUnit", .get, API.prefix + "/units/{name}/explain",
        "Say why a unit is where it is, or on no machine",
        answers: [Answer(200, "The reasons.", .json(API.Explanation.self))], refusals: [404: noUnit])

    package static let listStates = APICall(
        "listStates", .get, API.prefix + "/state",
        "List what machines report of units, sorted by unit, then by machine",
        query: [
            Parameter("machineID", .text, "Only this machine's."), Parameter("unitName", .text, "Only this unit's."),
            .page,
            .everything,
        ],
        answers: [Answer(200, "One page.", .json(API.UnitStatePage.self))])

    package static let readState = APICall(
        "readState", .get, API.prefix + "/state/{name}", "Read what a machine reports of a unit",
        answers: [
            Answer(
                200, "The first machine's report; an empty object when no machine reports on a known unit.",
                .json(API.UnitState.self))
        ],
        refusals: [404: noUnit])

    private static let noUnit = "No such unit."
}
