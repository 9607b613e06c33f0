// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API.OperationRequest: Described {
    package static let notes: [String: FieldNote] = [
        "kind": .one(
            of: kinds, "drain hands a machine's units over, one by one; move brings one unit to another machine."),
        "machine":
            "The machine that is drained, or that the unit goes to; without it the leader chooses one for a move.",
        "unit": "The unit that moves.",
        "limit": "How long a step may take until the operation pauses, in seconds, 1 to 86400; 300 without it.",
    ]
}

extension API.OperationStep: Described {
    package static let notes: [String: FieldNote] = [
        "unit": "Full name of the unit.",
        "from": "Id of the machine that it leaves.",
        "to": "Id of the machine that it goes to, or went to; left out while that is open.",
        "result": .one(of: ["done", "failed", "taken", "skipped"], "What came of it; left out while it is under way."),
        "reason": "Why; left out when all went as planned.",
    ]
}

extension API.Operation: Described {
    package static let notes: [String: FieldNote] = [
        "id": "Its name, which the client has made.",
        "kind": "What is done: drain, move, or a word of a later version.",
        "machine": "The machine that is drained, or that the unit goes to.",
        "unit": "The unit that moves.",
        "by": "Who asked for it.",
        "asked": .moment,
        "state": .one(of: states, "running and paused go on; the others are ends."),
        "reason": "Why it is as it is; left out while all goes as planned.",
        "limit": "How long a step may take until the operation pauses, in seconds.",
        "ended": "When it ended, in milliseconds since 1970; left out while it lives.",
        "steps": "What was begun so far, in order.",
        "left": "Units that are still to leave the machine that is drained.",
    ]
}

extension API.OperationList: Described {
    package static let notes: [String: FieldNote] = ["operations": "By when they were asked for."]
}

extension API.OperationPlan: Described {
    package static let notes: [String: FieldNote] = [
        "steps": "What it would do, in order.",
        "state": .one(
            of: API.Operation.states, "How it would stand at the end, when each unit comes up where it goes."),
        "reason": "Why; left out when all goes as planned.",
    ]
}
