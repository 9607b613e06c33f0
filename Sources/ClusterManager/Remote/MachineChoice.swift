// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Which machine a word of the command line means, for every command that takes one.
///
/// It is a machine's name, its address, its id, or at least four of the id's first digits. Fewer digits would take a mistyped
/// number for a machine: whoever numbers his machines 1, 2, 3 means no id by `drain 1`.
package enum MachineChoice {
    /// How many digits of an id stand for it at least.
    package static let fewestDigits = 4

    /// Finds the one machine that is meant.
    ///
    /// - Parameters:
    ///   - text: The word; also as the tables show machines, with three dots and the address.
    ///   - machines: Those to choose from.
    ///   - listing: The command that shows them.
    ///   - id: A machine's whole id.
    ///   - names: What else it is called: its name and its address.
    /// - Returns: The one.
    /// - Throws: `ClusterManagerError.unit` when none is meant, or several.
    package static func find<Candidate>(
        _ text: String, among machines: [Candidate], listing: String = "list-machines", id: (Candidate) -> String,
        names: (Candidate) -> [String]
    ) throws -> Candidate {
        let see = "see 'cluster-manager \(listing)'"
        var digits = text[...]
        if let dots = text.firstRange(of: "...") { digits = text[..<dots.lowerBound] }
        let word = digits.lowercased()
        guard !word.isEmpty else { throw ClusterManagerError(.unit, "the empty word names no machine; \(see)") }
        if let whole = machines.first(where: { id($0) == word }) { return whole }
        let begun = machines.filter { id($0).hasPrefix(word) }
        let found = machines.filter { machine in
            names(machine).contains(text) || (word.count >= fewestDigits && id(machine).hasPrefix(word))
        }
        guard let machine = found.first else {
            guard begun.isEmpty else {
                throw ClusterManagerError(
                    .unit,
                    "'\(text)' is too short for a machine's id; write its name, its address or at least \(fewestDigits) "
                        + "digits of its id; \(see)")
            }
            throw ClusterManagerError(
                .unit, "no machine has the name or address '\(text)', or an id that begins so; \(see)")
        }
        guard found.count == 1 else {
            let ids = found.prefix(5).map { FleetView.short(id($0)) }.joined(separator: " ")
            throw ClusterManagerError(.unit, "'\(text)' means \(found.count) machines (\(ids)); write more of the id")
        }
        return machine
    }
}
