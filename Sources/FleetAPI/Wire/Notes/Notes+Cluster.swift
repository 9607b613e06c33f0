// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API.Machine: Described {
    package static let notes: [String: FieldNote] = [
        "id": "Content of /etc/machine-id.",
        "primaryIP": "Its address.",
        "metadata": "Its own, and what an operator has laid over them.",
        "name": "Host name. Not in fleet.",
        "version": "Version of its agent. Not in fleet.",
        "capacity": "What it has to offer. Not in fleet.",
        "apiAddress": "Where its own API answers. Not in fleet.",
        "trouble": "What is wrong with it and what to do. Not in fleet.",
        "cordoned": "True while an operator keeps new units off it; left out otherwise. Not in fleet.",
        "closed": "True while its trouble keeps new units off it; left out otherwise. Not in fleet.",
    ]
}

extension API.Capacity: Described {
    package static let notes: [String: FieldNote] = [
        "processors": "Those that are online.", "memory": "Main memory, in bytes.",
    ]
}

extension API.MachinePage: Described {
    package static let notes: [String: FieldNote] = ["machines": "Sorted by id.", "nextPageToken": .page]
}

extension API.MetadataPatch: Described {
    package static let notes: [String: FieldNote] = [
        "op": .one(of: ["add", "replace", "remove"], "add and replace do the same."),
        "path": "/MACHINE-ID/metadata/KEY.",
        "value": "Not empty, unless op is remove; {\"value\": \"x\"}, as fleet's server wants it, is taken for \"x\".",
    ]
}

extension API.Control: Described {
    package static let notes: [String: FieldNote] = [
        "machine": .machineID,
        "cordoned": "Whether it takes no new units.",
        "draining": "Whether it hands over those that it has.",
        "since": "Milliseconds since 1970; 0 when nothing is wanted.",
        "by": "Who wanted it.",
        "units": "The units that are on it now, those on their way off it too, without the global ones.",
        "held": "Of a machine that is being drained: the units that no other machine can take, with the reason.",
    ]
}

extension API.BrakeReport: Described {
    package static let notes: [String: FieldNote] = [
        "isSet": "Whether it is set.",
        "words": "What it means and what to do; left out when it is not set.",
        "lost": "Ids of the machines that vanished.",
        "seen": "How many machines there were.",
        "since": "Milliseconds since 1970; 0 when it is not set.",
    ]
}

extension API.Restoration: Described {
    package static let notes: [String: FieldNote] = [
        "units": "How many units were written.",
        "others": "How many other records were written.",
        "kept": "Units that were there, are not in the backup and were left alone.",
        "leftOut": "How many records about another cluster's users and machines were left out; left out when none was.",
    ]
}

extension API.StoreReport: Described {
    package static let notes: [String: FieldNote] = [
        "machine": .machineID,
        "name": "Its name.",
        "isRefused": "Whether its agent refuses what its etcd answers.",
        "known": "The etcd cluster that holds its session, in hexadecimal digits; left out where none is known.",
        "found": "The etcd cluster that answers now; left out when it is not refused, or does not answer.",
        "wanted": "How many units that store wants; left out when it cannot be read.",
        "units": "The units that are on the machine now.",
        "unknown": "Those of them that the store does not know: they are stopped when it is adopted.",
        "problem": "Why something is missing, or why the machine could not be asked.",
        "isSilent": "True where the machine could not be asked; left out otherwise.",
    ]
}

extension API.StoreSurvey: Described {
    package static let notes: [String: FieldNote] = ["machines": "The one that was asked first."]
}

extension API.AdoptionOrder: Described {
    package static let notes: [String: FieldNote] = [
        "found": "The etcd cluster to adopt, in hexadecimal digits; a machine that finds another one refuses."
    ]
}

extension API.Adoption: Described {
    package static let notes: [String: FieldNote] = ["outcomes": "The machine that was asked first."]
}

extension API.Adoption.Outcome: Described {
    package static let notes: [String: FieldNote] = [
        "machine": .machineID, "name": "Its name.", "isDone": "Whether nothing is left to be done there.",
        "words": "What happened, or why nothing did.",
    ]
}

extension API.StoreOpenness: Described {
    package static let notes: [String: FieldNote] = [
        "members": "etcd's members, as the agent that was asked finds them.",
        "isInsecure": "Whether that agent has no certificate, as in a cluster that was made insecure.",
    ]
}

extension API.StoreMember: Described {
    package static let notes: [String: FieldNote] = [
        "endpoint": "Its URL.",
        "version": "Left out when it did not answer.",
        "isPlain": "Whether it speaks without TLS.",
        "takesStrangers": "Whether it answers who shows no certificate; left out when it could not be asked.",
        "asksForLogin": "Whether it asks for a login before it shows a key; left out when it could not be asked.",
        "letsUsersPastTheirRights":
            "Whether its version is older than the one that keeps users to their rights; left out with the version.",
        "certificateEndsAt":
            "Until when its certificate is good, in milliseconds since 1970; left out without TLS, and when it did not answer.",
        "certificateEndsSoon": "Whether that is past, or less than 30 days away.",
    ]
}

extension API.Renewal: Described {
    package static let notes: [String: FieldNote] = [
        "lease": "The session's lease, in hexadecimal digits.",
        "proofAge":
            "How old the newest proof of the session is, in milliseconds; left out by who takes no proof of a peer.",
        "store": "The store that the session is with, and its members; left out until it has answered.",
    ]
}

extension API.RenewalAnswer: Described {
    package static let notes: [String: FieldNote] = [
        "ttl": "Seconds that the lease now has; 0 when it no longer exists, or where there is a proof instead.",
        "noQuorumAge":
            "Milliseconds since a moment after which whoever leads the store next was elected, where that is newer than the asker's proof.",
    ]
}

extension API.Resignation: Described {
    package static let notes: [String: FieldNote] = [
        "epoch": "The epoch of the lead; a later one of that machine stays."
    ]
}
