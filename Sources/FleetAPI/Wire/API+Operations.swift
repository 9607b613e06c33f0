// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What goes over the wire when operators handle machines and the whole cluster.
extension API {
    /// What an operator wants of a machine, and how far that is.
    package struct Control: Codable, Hashable, Sendable {
        package var machine: String
        package var cordoned: Bool
        package var draining: Bool
        /// Milliseconds since 1970; 0 when nothing is wanted.
        package var since: Int64
        package var by: String
        /// The units that are on the machine now, those on their way off it too, without the global ones.
        package var units: [String]
        /// Of a machine that is being drained: the units that no other machine can take, with the reason.
        package var held: [String: String]?

        package init(
            machine: String, cordoned: Bool, draining: Bool, since: Int64, by: String, units: [String],
            held: [String: String]? = nil
        ) {
            self.held = held
            self.machine = machine
            self.cordoned = cordoned
            self.draining = draining
            self.since = since
            self.by = by
            self.units = units
        }
    }

    /// The majority brake: rule R10.
    package struct BrakeReport: Codable, Hashable, Sendable {
        package var isSet: Bool
        /// What it means and what to do, in words; missing when it is not set.
        package var words: String?
        package var lost: [String]
        package var seen: Int
        /// Milliseconds since 1970; 0 when it is not set.
        package var since: Int64

        package init(isSet: Bool, words: String? = nil, lost: [String] = [], seen: Int = 0, since: Int64 = 0) {
            self.isSet = isSet
            self.words = words
            self.lost = lost
            self.seen = seen
            self.since = since
        }
    }

    /// What a restoration did.
    package struct Restoration: Codable, Hashable, Sendable {
        /// How many units and other records were written.
        package var units: Int
        package var others: Int
        /// Units that were there, are not in the backup and were left alone.
        package var kept: [String]
        /// How many records about another cluster's users and machines were left out; missing when none was.
        package var leftOut: Int?

        package init(units: Int, others: Int, kept: [String], leftOut: Int? = nil) {
            self.leftOut = leftOut
            self.units = units
            self.others = others
            self.kept = kept
        }
    }
}
