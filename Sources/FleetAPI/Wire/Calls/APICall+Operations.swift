// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Calls about what takes longer than one request.
extension APICall {
    static let operations: [APICall] =
        [listOperations, readOperation, beginOperation] + operationOrders.map(orderOperation) + [planOperation]

    package static let listOperations = APICall(
        "listOperations", .get, API.ownPrefix + "/operations", "List the operations that go on",
        query: [.flag("all", "true lists those that have ended, too.")],
        answers: [Answer(200, "Them, without their steps.", .json(API.OperationList.self))])

    package static let readOperation = APICall(
        "readOperation", .get, API.ownPrefix + "/operations/{id}", "Say how far an operation is",
        answers: [Answer(200, "How far it is.", .json(API.Operation.self))],
        refusals: [404: "There is no operation of that name."])

    package static let beginOperation = APICall(
        "beginOperation", .put, API.ownPrefix + "/operations/{id}", "Begin an operation under a name of one's own",
        details: "Asked for twice in the same words it is one operation, whatever has come of it.",
        body: .json(API.OperationRequest.self),
        answers: [
            Answer(200, "It is there already.", .json(API.Operation.self)),
            Answer(201, "It has begun.", .json(API.Operation.self), hasRevision: true),
        ],
        refusals: [
            404: "There is no such machine or unit.",
            409: "There is another operation of that name, or one that drains that machine.",
        ])

    /// What can be wanted of an operation, the last segment of the path of each.
    package static let operationOrders = ["pause", "resume", "abort"]

    /// The call that wants `order`, one of `operationOrders`, of an operation.
    package static func orderOperation(_ order: String) -> APICall {
        APICall(
            order + "Operation", .post, API.ownPrefix + "/operations/{id}/\(order)", orderWords[order] ?? order,
            isRepeatable: true, answers: [Answer(200, "How it stands now.", .json(API.Operation.self))],
            refusals: [404: "There is no operation of that name.", 409: "It has ended otherwise."])
    }

    private static let orderWords = [
        "pause": "Have an operation begin no further step",
        "resume": "Have a paused operation go on",
        "abort": "End an operation where it is; a machine that it drains stays cordoned",
    ]

    package static let planOperation = APICall(
        "planOperation", .post, API.ownPrefix + "/plans", "Say what an operation would do, and do nothing",
        needs: .role(.viewer), audit: .refusals, isRepeatable: true, body: .json(API.OperationRequest.self),
        answers: [Answer(200, "What it would do.", .json(API.OperationPlan.self))],
        refusals: [404: "There is no such machine or unit."])
}
