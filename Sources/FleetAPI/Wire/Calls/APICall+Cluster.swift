// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Calls about the whole cluster and its store.
extension APICall {
    static let cluster: [APICall] = [followEvents, readBrake, releaseBrake, readBackup, restoreBackup, readAudit]
    static let stores: [APICall] = [surveyStore, adoptStore, readStoreOpenness, rotateRootPassword]

    package static let followEvents = APICall(
        "followEvents", .get, API.prefix + "/events", "Follow changes as server-sent events",
        details:
            "The field event is unit, state, machine or sync; id is the store's revision; data is in one line. sync comes "
            + "once: before it the snapshot, after it every change. Comments keep the connection open. A stream that ends has to "
            + "be opened again, with a snapshot to see what was missed.",
        query: [
            Parameter("unit", .texts, "Only events of these units; without it everything, machines included."),
            .flag("snapshot", "true puts the present state first."),
        ],
        answers: [Answer(200, "A stream.", .events(API.EventData.self))])

    package static let readBrake = APICall(
        "readBrake", .get, API.ownPrefix + "/brake", "Say whether the brake is set (rule R10), and why",
        answers: [Answer(200, "The brake.", .json(API.BrakeReport.self))])

    package static let releaseBrake = APICall(
        "releaseBrake", .delete, API.ownPrefix + "/brake", "Release the brake",
        answers: [Answer(204, "Released.")], refusals: [409: "The brake is not set."])

    package static let readBackup = APICall(
        "readBackup", .get, API.ownPrefix + "/backup", "Read all that users want of the cluster, as a file to keep",
        details: "Records that cannot be read are named in the field Flotilla-Missing of the answer's head.",
        needs: .role(.admin), answers: [Answer(200, "The file.", .document("A backup."))])

    package static let restoreBackup = APICall(
        "restoreBackup", .put, API.ownPrefix + "/backup", "Bring a backup back", needs: .role(.admin),
        largestBody: 256 << 20,
        query: [
            .flag("overwrite", "true replaces units that are there."),
            .flag("members", "true brings another cluster's users and machines along."),
        ],
        body: .document("A backup."),
        answers: [Answer(200, "What was written.", .json(API.Restoration.self))],
        refusals: [409: "Something is there already; the message says what."])

    package static let readAudit = APICall(
        "readAudit", .get, API.ownPrefix + "/audit", "Say who did what, or was refused it", needs: .role(.admin),
        query: [
            Parameter("since", .number, "Not before this moment, in milliseconds since 1970."),
            Parameter("until", .number, "Before this moment."),
            Parameter(
                "user", .texts,
                "Only what these did; each is a user's name, or a caller as the audit has him, such as unix:0."),
            Parameter("unit", .text, "Only what was done to this unit."),
            Parameter("limit", .number, "So many of the latest, 1000 by default, at most 10000."),
        ],
        answers: [Answer(200, "Acts in the order in which they were done.", .json(API.AuditPage.self))])

    // MARK: The store

    package static let surveyStore = APICall(
        "surveyStore", .get, API.ownPrefix + "/store", "Say how the machines stand to the store that answers them",
        answers: [Answer(200, "The machines that the asked one knows of, itself first.", .json(API.StoreSurvey.self))])

    package static let adoptStore = APICall(
        "adoptStore", .post, API.ownPrefix + "/store/adoption", "Have all machines adopt a store that they refuse",
        needs: .role(.admin), isRepeatable: true, body: .json(API.AdoptionOrder.self),
        answers: [Answer(200, "What came of it, machine by machine.", .json(API.Adoption.self))])

    package static let readStoreOpenness = APICall(
        "readStoreOpenness", .get, API.ownPrefix + "/store/openness",
        "Say how far etcd lets in those whom nobody has admitted",
        query: [Parameter("look", .words(["now"]), "now asks etcd first; without it the answer may be an hour old.")],
        answers: [Answer(200, "etcd's members.", .json(API.StoreOpenness.self))])

    package static let rotateRootPassword = APICall(
        "rotateRootPassword", .post, API.ownPrefix + "/authorities/password/rotate",
        "Give etcd's root another password, which stays with the authority", needs: .role(.admin), isAuthoritys: true,
        answers: [
            Answer(
                200, "Done; or kept says why not, where other clusters of the same etcd use it.",
                .json(API.RootPasswordReport.self))
        ],
        refusals: [409: "etcd asks for no login, or the password is being changed already."])
}
