// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Calls about machines and journals.
extension APICall {
    static let machines: [APICall] =
        [listMachines, patchMachines, readControl] + controls.map(control) + [rebootMachine]
    static let journals: [APICall] = [readJournal, readMachineJournal]

    package static let listMachines = APICall(
        "listMachines", .get, API.prefix + "/machines", "List the machines that are alive, sorted by id",
        query: [.page, .everything], answers: [Answer(200, "One page.", .json(API.MachinePage.self))])

    package static let patchMachines = APICall(
        "patchMachines", .patch, API.prefix + "/machines", "Change metadata of machines",
        details:
            "All changes are checked, then made in order. Values set here win over those that a machine brings along and "
            + "outlive its session.",
        body: .list(API.MetadataPatch.self), answers: [Answer(204, "Changed.", hasRevision: true)])

    package static let readControl = APICall(
        "readControl", .get, API.ownPrefix + "/machines/{id}/control",
        "Say what is wanted of a machine, which units it has, and which of them fit nowhere else",
        answers: [Answer(200, "What is wanted of it.", .json(API.Control.self))])

    /// What can be wanted of a machine, the last segment of the path of each.
    package static let controls = ["cordon", "drain", "uncordon"]

    /// The call that wants `change`, one of `controls`, of a machine.
    package static func control(_ change: String) -> APICall {
        APICall(
            change + "Machine", .post, API.ownPrefix + "/machines/{id}/\(change)", controlWords[change] ?? change,
            isRepeatable: true,
            answers: [Answer(200, "What is wanted of it now.", .json(API.Control.self))],
            refusals: [404: "No such machine, and nothing is wanted of one."])
    }

    private static let controlWords = [
        "cordon": "Give a machine no new units; one that is off, too",
        "drain": "Give a machine no new units and hand over those that it has",
        "uncordon": "Give a machine units again; what it has handed over stays where it is",
    ]

    package static let rebootMachine = APICall(
        "rebootMachine", .post, API.ownPrefix + "/machines/{id}/reboot", "Have a machine restart itself, in order",
        needs: .role(.admin), answers: [Answer(202, "It restarts.")],
        refusals: [
            404: "The machine is not alive.",
            409: "The machine has no API that this one may use.",
            500: "systemd does not do it; the message has its words.",
            502: "The machine does not do it; the message says why.",
        ])

    // MARK: Journals

    package static let readJournal = APICall(
        "readJournal", .get, API.ownPrefix + "/journal", "Read the journals of units, merged over machines by time",
        details:
            "Which machines could not be asked stands in notices. With follow the head has Flotilla-Journal-Began, when the "
            + "server began to listen, in microseconds since 1970.",
        query: journalQuery,
        answers: [
            Answer(
                200,
                journalLines,
                .lines([API.JournalEntry.self, API.JournalNotice.self]))
        ],
        refusals: [404: "No such unit."])

    package static let readMachineJournal = APICall(
        "readMachineJournal", .get, API.ownPrefix + "/machines/{id}/journal",
        "Read the journal of units at the machine that is asked", needs: .machine, query: journalQuery,
        answers: [
            Answer(
                200,
                journalLines,
                .lines([API.JournalEntry.self, API.JournalNotice.self]))
        ],
        refusals: [404: "It is another machine."])

    private static let journalLines =
        "A line each; an empty one keeps the connection open. {\"caughtUp\":true} comes once to who follows, when all that was "
        + "there is told."

    private static let journalQuery: [Parameter] = [
        Parameter("unit", .texts, "The units, 1 to 1000."),
        Parameter("machine", .texts, "Ids of the machines to ask; without it those where the units are."),
        Parameter(
            "lines", .number,
            "So many of the latest entries first, over all units and machines, at most \(API.journalLineLimit); without it all."
        ),
        Parameter("since", .number, "Not before this moment, in microseconds since 1970 by the machines' clocks."),
        Parameter("until", .number, "Not after this moment."),
        .flag("follow", "true goes on with what is written from now on."),
    ]
}
