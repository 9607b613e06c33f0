// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The names that `[X-Fleet]` knows.
enum SchedulingOptionName: String, Hashable, Sendable, CaseIterable {
    case machineID = "MachineID"
    case machineOf = "MachineOf"
    case machineMetadata = "MachineMetadata"
    case conflicts = "Conflicts"
    case replaces = "Replaces"
    case ports = "Ports"
    case global = "Global"
    case onDisconnect = "OnDisconnect"
    case runAgain = "RunAgain"
    // What fleet called them up to version 0.8; units of that time are still about.
    case oldMachineID = "X-ConditionMachineID"
    /// A boot id, which fleet later took as a machine id, so that it matches no machine.
    case oldMachineBootID = "X-ConditionMachineBootID"
    case oldMachineOf = "X-ConditionMachineOf"
    case oldMachineMetadata = "X-ConditionMachineMetadata"
    case oldConflicts = "X-Conflicts"

    /// Whether its values are patterns over units' names.
    var holdsPatterns: Bool {
        switch self {
        case .conflicts, .oldConflicts, .replaces: true
        default: false
        }
    }

    /// Whether an empty value takes back the lines before it, as in lists of systemd's; fleet's options know no such thing.
    var isClearedByEmptyValue: Bool { self == .ports }

    /// The old name whose values count beside this one's, before them.
    var old: SchedulingOptionName? {
        switch self {
        case .machineOf: .oldMachineOf
        case .machineMetadata: .oldMachineMetadata
        case .conflicts: .oldConflicts
        default: nil
        }
    }
}

/// The values of `[X-Fleet]` by name, split and expanded, before they are understood.
struct SchedulingValues {
    private var values: [SchedulingOptionName: [String]] = [:]

    /// Reads the section, with `expand` for what each option's values refer to.
    init(of file: UnitFile, expand: (SchedulingOptionName, String) -> String) {
        for entry in file.entries where entry.option.section == SchedulingOptions.section {
            guard let name = SchedulingOptionName(rawValue: entry.option.name) else { continue }
            values[name, default: []] += Self.split(entry.value).map { expand(name, $0) }
        }
    }

    /// The values of the unit `name`: what a specifier brings into a pattern is text, whatever it means in a pattern.
    init(of file: UnitFile, for name: UnitName) {
        self.init(of: file) { option, value in Self.expand(value, of: option, for: name) }
    }

    static func expand(_ value: String, of option: SchedulingOptionName, for name: UnitName) -> String {
        option.holdsPatterns
            ? name.expandingSpecifiers(in: value, as: Glob.escaped) : name.expandingSpecifiers(in: value)
    }

    /// The values of exactly this spelling.
    subscript(name: SchedulingOptionName) -> [String] { values[name] ?? [] }

    /// The values of the old spelling, then of this one.
    func all(_ name: SchedulingOptionName) -> [String] { (name.old.map { self[$0] } ?? []) + self[name] }

    /// Those values split into words: no unit's name holds white space.
    func words(_ name: SchedulingOptionName) -> [String] { all(name).flatMap { UnitText.words(of: $0) } }

    /// The ports of all lines after the last empty one, each once, in rising order; what is none is dropped.
    var ports: [Port] {
        let lines = self[.ports].split(separator: "", omittingEmptySubsequences: false).last ?? []
        return Set(lines.flatMap { Port.items(of: $0) }.compactMap { Port($0) }).sorted()
    }

    /// fleet's rule: a line that starts and ends with a quote is a list of words, parted by spaces outside of quotes; any
    /// other line is one value.
    ///
    /// Quotes vanish wherever they stand. Of a list, empty words are dropped: they come from double spaces.
    static func split(_ line: String) -> [String] {
        let quote = UInt8(ascii: "\"")
        guard line.utf8.first == quote, line.utf8.last == quote else { return [line] }
        var words: [String] = []
        var word: [UInt8] = []
        var isQuoted = false
        for byte in line.utf8 {
            if byte == quote {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: " "), !isQuoted {
                words.append(String(decoding: word, as: UTF8.self))
                word.removeAll()
            } else {
                word.append(byte)
            }
        }
        words.append(String(decoding: word, as: UTF8.self))
        return words.filter { !$0.isEmpty }
    }
}
