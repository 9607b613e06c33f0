// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// For every distinct conflict pattern: on which machines stand units that declare it, and units that match it.
///
/// Testing a newcomer against a machine is then a look-up per pattern instead of a comparison with every unit there, which
/// is what made fleet's scheduling quadratic.
struct PatternTable: Sendable {
    private struct Entry: Sendable {
        let glob: Glob
        /// By machine slot: the number of units there that declare the pattern.
        var declaring: [Int: Int] = [:]
        /// By machine slot: the number of units there that the pattern matches by one of their names, each once.
        var matching: [Int: Int] = [:]
    }

    private var entries: [Entry] = []
    private var indexOfPattern: [String: Int] = [:]
    /// Patterns by the literal text before their first wildcard, and the lengths of those texts in rising order: only
    /// patterns whose literal text begins a name can match it.
    private var patternsByPrefix: [String: [Int]] = [:]
    private var prefixLengths: [Int] = []

    /// Whether the pattern is known; a new one must be told of the units that stand already.
    func knows(_ glob: Glob) -> Bool { indexOfPattern[glob.pattern] != nil }

    /// Makes `glob` known, with `occupants` as the units that stand on machines now, each with all of its names.
    mutating func learn(_ glob: Glob, occupants: some Sequence<(slot: Int, names: [UnitName])>) {
        guard !knows(glob) else { return }
        var entry = Entry(glob: glob)
        for (slot, names) in occupants where names.contains(where: glob.matches) {
            entry.matching[slot, default: 0] += 1
        }
        let index = entries.count
        entries.append(entry)
        indexOfPattern[glob.pattern] = index
        let prefix = glob.literalPrefix
        patternsByPrefix[prefix, default: []].append(index)
        let length = prefix.utf8.count
        if !prefixLengths.contains(length) {
            prefixLengths.append(length)
            prefixLengths.sort()
        }
    }

    /// Counts `unit` in (`change` 1) or out (-1) on a machine.
    mutating func count(_ unit: UnitTraits, on slot: Int, change: Int) {
        for index in matches(of: unit) { Self.add(change, to: &entries[index].matching, at: slot) }
        for glob in unit.globConflicts {
            guard let index = indexOfPattern[glob.pattern] else { continue }
            Self.add(change, to: &entries[index].declaring, at: slot)
        }
    }

    private static func add(_ change: Int, to table: inout [Int: Int], at slot: Int) {
        let sum = (table[slot] ?? 0) + change
        table[slot] = sum == 0 ? nil : sum
    }

    /// The patterns that match one of the unit's names, each once.
    func matches(of unit: UnitTraits) -> [Int] {
        var found = matches(of: unit.name)
        for alias in unit.aliases {
            for index in matches(of: alias) where !found.contains(index) { found.append(index) }
        }
        return found
    }

    /// The patterns that match `name`.
    private func matches(of name: UnitName) -> [Int] {
        var found: [Int] = []
        let text = name.rawValue
        let bytes = text.utf8
        for length in prefixLengths {
            guard let end = bytes.index(bytes.startIndex, offsetBy: length, limitedBy: bytes.endIndex) else { break }
            for index in patternsByPrefix[String(text[..<end])] ?? [] where entries[index].glob.matches(text) {
                found.append(index)
            }
        }
        return found
    }

    /// Whether some unit on the machine repels a newcomer that `patterns` match.
    func isRepelled(by slot: Int, matched patterns: [Int]) -> Bool {
        patterns.contains { entries[$0].declaring[slot] != nil }
    }

    /// Whether the newcomer's own patterns match some unit on the machine.
    func repels(_ newcomer: UnitTraits, on slot: Int) -> Bool {
        newcomer.globConflicts.contains { glob in
            guard let index = indexOfPattern[glob.pattern] else { return false }
            return entries[index].matching[slot] != nil
        }
    }
}
