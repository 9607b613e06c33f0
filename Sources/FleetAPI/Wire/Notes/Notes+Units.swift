// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API.Unit: Described {
    package static let notes: [String: FieldNote] = [
        "name": "Full name.",
        "options": "Every option of the unit's file, in order.",
        "desiredState": .one(of: FieldNote.targets, "What the user wants."),
        "currentState": .readOnly(
            .one(of: FieldNote.targets, "How far it has come; left out for a global unit read by name.")),
        "machineID": .readOnly("Where it is assigned."),
        "contents":
            "The file as written, comments included; in answers for one unit only, where the options give another. Not in fleet.",
        "hash": .readOnly(
            "SHA-1 of the file as written, 40 digits; only where it is not the one that the options give. Not in fleet."
        ),
        "restarts": .readOnly("How often a restart was asked for. Not in fleet."),
        "reason": .readOnly("Why a unit that should be on a machine is on none; for one unit only. Not in fleet."),
    ]
}

extension API.UnitOption: Described {
    package static let notes: [String: FieldNote] = [
        "section": "Such as Service.", "name": "Such as ExecStart.", "value": "Left out when empty.",
    ]
}

extension API.UnitPage: Described {
    package static let notes: [String: FieldNote] = ["units": "Sorted by name.", "nextPageToken": .page]
}

extension API.UnitState: Described {
    package static let notes: [String: FieldNote] = [
        "name": "The unit.",
        "hash": "SHA-1 of the file in force, 40 digits.",
        "machineID": "Who reports.",
        "systemdLoadState": "systemd's LOAD.",
        "systemdActiveState": "systemd's ACTIVE.",
        "systemdSubState": "systemd's SUB.",
        "since": "When it entered this ACTIVE state, in milliseconds since 1970 by the machine's clock. Not in fleet.",
        "health":
            "Why the machine could not do what it was ordered, or what systemd said of the start; begins with \"queued\" while that waits.",
        "acted": .one(
            of: ["inactive", "loaded"],
            "What the machine has acted on; left out once systemd has shown or said that it started the unit. Not in fleet."
        ),
        "restarts": "The number of Unit.restarts that the machine has acted on. Not in fleet.",
        "automaticRestarts":
            "How often systemd has started the unit again by itself since it was last ordered to start. Not in fleet.",
    ]
}

extension API.UnitStatePage: Described {
    package static let notes: [String: FieldNote] = [
        "states": "Sorted by unit, then by machine.", "nextPageToken": .page,
    ]
}

extension API.Explanation: Described {
    package static let notes: [String: FieldNote] = [
        "name": "The unit.",
        "desiredState": .one(of: FieldNote.targets, "What the user wants."),
        "currentState": .one(of: FieldNote.targets, "How far it has come."),
        "machineIDs": "Where it is assigned: at most one machine, unless the unit is global.",
        "reasons": "What each rule refused; empty when nothing stands in the way.",
    ]
}

extension API.EventData: Described {
    package static let notes: [String: FieldNote] = [
        "unit": "The unit that the event is about; where it was removed, only its name.",
        "state": "The state that the event is about; where it was removed, only its unit and machine.",
        "machine": "The machine that the event is about; where it was removed, only its id.",
        "removed": "True where it was removed; left out otherwise.",
    ]
}

extension API.JournalEntry: Described {
    package static let notes: [String: FieldNote] = [
        "time": "When the journal received it, in microseconds since 1970 by the machine's clock.",
        "machine": "Id of the machine whose journal it is from.",
        "host": "Name that the machine had.",
        "unit": "Which of the units asked for it is about.",
        "priority": "0 (emergency) to 7 (debug), as syslog counts.",
        "identifier": "What the writer calls itself.",
        "pid": "The writer's process.",
        "message": "The text.",
        "cut": "True where the message was longer than 64 KiB and has lost its end; left out otherwise.",
        "cursor": "Names the entry's place in the journal of its machine.",
    ]
}

extension API.JournalNotice: Described {
    package static let notes: [String: FieldNote] = [
        "notice": "What is to be known beside the entries, such as which machine could not be asked, and why.",
        "machine": "Id of the machine that it is about.",
        "passing": "True where nothing is missing for it yet: it tells of a delay; left out otherwise.",
    ]
}

extension API.ErrorBody: Described {
    package static let notes: [String: FieldNote] = ["error": "Why the request is refused or failed."]
}

extension API.ErrorBody.Details: Described {
    package static let notes: [String: FieldNote] = [
        "code": "The status, once more.",
        "message": "What is wrong; may be empty.",
        "askAt": "With 421: where the request can be done, in the forms of --endpoint.",
        "operation": "With 409: the operation that has the unit on its way.",
    ]
}

extension API.Health: Described {
    package static let notes: [String: FieldNote] = [
        "status": .one(of: ["ok", "unavailable"], "State of the server."), "version": "Version of the agent.",
        "reason": "What is wrong.",
    ]
}
