// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What goes over the wire when an operator decides for the store that is there now: rule R8.
extension API {
    /// How one machine stands to the store that answers it.
    package struct StoreReport: Codable, Hashable, Sendable {
        package var machine: String
        package var name: String
        /// Whether the agent refuses what its etcd answers.
        package var isRefused: Bool
        /// The etcd cluster that holds the machine's session, in hexadecimal digits; missing where none is known.
        package var known: String?
        /// The etcd cluster that answers now; missing when the store is not refused, or does not answer.
        package var found: String?
        /// How many units that store wants; missing when it cannot be read.
        package var wanted: Int?
        /// The units that are on the machine now.
        package var units: [String]
        /// Those of them that the store does not know: they are stopped when it is adopted.
        package var unknown: [String]?
        /// Why something is missing, or why the machine could not be asked.
        package var problem: String?

        package init(
            machine: String, name: String, isRefused: Bool, known: String? = nil, found: String? = nil,
            wanted: Int? = nil, units: [String] = [], unknown: [String]? = nil, problem: String? = nil
        ) {
            self.machine = machine
            self.name = name
            self.isRefused = isRefused
            self.known = known
            self.found = found
            self.wanted = wanted
            self.units = units
            self.unknown = unknown
            self.problem = problem
        }

        /// What nobody could be asked for.
        package init(silent machine: String, name: String, problem: String) {
            self.init(machine: machine, name: name, isRefused: false, problem: problem)
            isSilent = true
        }

        /// The machine could not be asked; `problem` says why.
        package var isSilent: Bool?
    }

    /// How the machines stand that the one which was asked knows of, itself first.
    package struct StoreSurvey: Codable, Hashable, Sendable {
        package var machines: [StoreReport]

        package init(machines: [StoreReport]) { self.machines = machines }
    }

    /// The operator's word for a store.
    package struct AdoptionOrder: Codable, Hashable, Sendable {
        /// The etcd cluster that was decided for, in hexadecimal digits; a machine that finds another one refuses.
        package var found: String

        package init(found: String) { self.found = found }
    }

    /// What came of the order, machine by machine.
    package struct Adoption: Codable, Hashable, Sendable {
        package struct Outcome: Codable, Hashable, Sendable {
            package var machine: String
            package var name: String
            /// Whether nothing is left to be done there.
            package var isDone: Bool
            /// What happened, or why nothing did.
            package var words: String

            package init(machine: String, name: String, isDone: Bool, words: String) {
                self.machine = machine
                self.name = name
                self.isDone = isDone
                self.words = words
            }
        }

        package var outcomes: [Outcome]

        package init(outcomes: [Outcome]) { self.outcomes = outcomes }
    }
}
