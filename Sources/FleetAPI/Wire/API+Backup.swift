// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// What bringing a backup back has done.
    package struct Restoration: Codable, Hashable, Sendable {
        /// How many units, and how many other records, were written.
        package var units: Int
        package var others: Int
        /// Units that were there and are not in the backup; they stayed as they were.
        package var kept: [String]
        /// The store's revision at which all of it is committed.
        package var revision: Int64

        package init(units: Int, others: Int, kept: [String], revision: Int64) {
            self.units = units
            self.others = others
            self.kept = kept
            self.revision = revision
        }
    }
}
