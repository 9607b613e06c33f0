// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Which machine a word of the command line means, for every command that takes one.
///
/// It is a machine's name, its address, its id, or at least four of the id's first digits. Fewer digits would take a mistyped
/// number for a machine: whoever numbers his machines 1, 2, 3 means no id by `drain 1`.
package enum MachineChoice {
    /// How many digits of an id stand for it at least.
    package static let fewestDigits = 4

    /// Where machines are chosen from.
    package enum Source: Sendable {
        /// Those that are alive, whose addresses are known.
        case living
        /// Those that have joined.
        case members

        /// The command that shows them.
        fileprivate var listing: String { self == .living ? "list-machines" : "machine list" }
    }

    /// Finds the one machine that is meant.
    ///
    /// - Parameters:
    ///   - text: The word; also as the tables show machines, with three dots and the address.
    ///   - machines: Those to choose from.
    ///   - source: Where those are from.
    ///   - id: A machine's whole id.
    ///   - names: What else it is called: its name and its address.
    /// - Returns: The one.
    /// - Throws: `ClusterManagerError.unit` when none is meant, or several.
    package static func find<Candidate>(
        _ text: String, among machines: [Candidate], of source: Source = .living, id: (Candidate) -> String,
        names: (Candidate) -> [String]
    ) throws -> Candidate {
        let see = "see 'cluster-manager \(source.listing)'"
        let word = digits(text)
        guard !word.isEmpty else { throw ClusterManagerError(.unit, "the empty word names no machine; \(see)") }
        let found = meant(text, among: machines, id: id, names: names)
        guard let machine = found.first else {
            guard !machines.contains(where: { id($0).hasPrefix(word) }) else {
                let called = source == .living ? "its name, its address" : "its name"
                throw ClusterManagerError(
                    .unit,
                    "'\(text)' is too short for a machine's id; write \(called) or at least \(fewestDigits) digits of its id;"
                        + " \(see)")
            }
            let called = source == .living ? "name or address" : "name"
            throw ClusterManagerError(.unit, "no machine has the \(called) '\(text)', or an id that begins so; \(see)")
        }
        guard found.count == 1 else {
            let ids = found.prefix(5).map { FleetView.short(id($0)) }.joined(separator: " ")
            throw ClusterManagerError(.unit, "'\(text)' means \(found.count) machines (\(ids)); write more of the id")
        }
        return machine
    }

    /// All machines that a word can mean.
    ///
    /// - Parameters:
    ///   - text: The word, as for `find`.
    ///   - machines: Those to choose from.
    ///   - id: A machine's whole id.
    ///   - names: What else it is called.
    /// - Returns: One where the word is its whole id; none for a word that is too short.
    package static func meant<Candidate>(
        _ text: String, among machines: [Candidate], id: (Candidate) -> String, names: (Candidate) -> [String]
    ) -> [Candidate] {
        let word = digits(text)
        guard !word.isEmpty else { return [] }
        if let whole = machines.first(where: { id($0) == word }) { return [whole] }
        return machines.filter { machine in
            names(machine).contains(text) || (word.count >= fewestDigits && id(machine).hasPrefix(word))
        }
    }

    /// The word as the beginning of an id; tables put three dots behind it.
    private static func digits(_ text: String) -> String {
        var digits = text[...]
        if let dots = text.firstRange(of: "...") { digits = text[..<dots.lowerBound] }
        return digits.lowercased()
    }
}
