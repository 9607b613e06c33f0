// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension SchedulingOptions {
    package typealias Problem = SchedulingOptionsError.Problem

    /// Refuses a file whose `[X-Fleet]` section cannot mean what its author wanted.
    ///
    /// Stricter than fleet, which stores unknown options, drops malformed metadata and never matches a bad pattern, all in
    /// silence.
    ///
    /// - Throws: `SchedulingOptionsError` with every problem found.
    package static func validate(_ file: UnitFile, for name: UnitName) throws(SchedulingOptionsError) {
        if let error = SchedulingOptionsError(problems(of: file, for: name)) { throw error }
    }

    /// What is wrong with the section, in the order of the file, contradictions last; empty when nothing is.
    ///
    /// Of a template, values with specifiers are checked only as far as they do not depend on the instance.
    package static func problems(of file: UnitFile, for name: UnitName) -> [Problem] {
        let expand: (SchedulingOptionName, String) -> String = { option, value in
            name.isTemplate ? value : SchedulingValues.expand(value, of: option, for: name)
        }
        var problems: [Problem] = []
        let foreign = Set(file.entries.map(\.option.section)).subtracting([section])
        let misspelt = foreign.filter { $0.lowercased() == section.lowercased() }
        for entry in file.entries {
            let option = entry.option
            guard option.section == section else {
                if misspelt.contains(option.section) {
                    problems.append(
                        Problem(.unknownOption, line: entry.line, "section [\(option.section)] is written [\(section)]")
                    )
                }
                continue
            }
            guard let known = SchedulingOptionName(rawValue: option.name) else {
                problems.append(Problem(.unknownOption, line: entry.line, unknown(option.name)))
                continue
            }
            if known.isClearedByEmptyValue, entry.value.isEmpty { continue }
            let written = SchedulingValues.split(entry.value)
            let values = written.map { expand(known, $0) }
            if values.allSatisfy(\.isEmpty), let specifier = written.first(where: { !$0.isEmpty }) {
                problems.append(
                    Problem(.badValue, line: entry.line, "\(option.name)=: \(emptiness(of: specifier, for: name))"))
                continue
            }
            for message in complaints(of: known, values, for: name) {
                problems.append(Problem(.badValue, line: entry.line, "\(option.name)=: \(message)"))
            }
        }
        let options = SchedulingOptions(SchedulingValues(of: file, expand: expand))
        return problems + options.contradictions.map { Problem(.contradiction, $0) }
    }

    /// Why a value that is written is none for this unit: what stands for the part behind the `@` stands for nothing.
    private static func emptiness(of value: String, for name: UnitName) -> String {
        let plain = name.withoutType
        let template = "\(plain)@\(name.rawValue.dropFirst(plain.count))"
        return "\(quoted(value)) is empty, since \(name) is no instance of a template; write the value itself, or load "
            + "the file as \(template) and start instances of that"
    }

    private static func unknown(_ name: String) -> String {
        let known = SchedulingOptionName.allCases.map(\.rawValue).joined(separator: " ")
        return "[\(section)] has no option \(UnitFileError.quoted(name)); known are \(known)"
    }

    private static func complaints(
        of option: SchedulingOptionName, _ values: [String], for name: UnitName
    ) -> [String] {
        // fleet knows no reset of a list, so an empty value does not do what it does elsewhere in a unit file.
        guard values.contains(where: { !$0.isEmpty }) else { return ["the value is empty; remove the line"] }
        return switch option {
        case .machineID, .oldMachineID, .oldMachineBootID: values.compactMap { machineIDComplaint($0, for: name) }
        case .machineOf, .oldMachineOf:
            values.flatMap { UnitText.words(of: $0) }.compactMap { peerComplaint($0, for: name) }
        case .machineMetadata, .oldMachineMetadata: values.compactMap(pairComplaint)
        case .conflicts, .oldConflicts, .replaces:
            values.flatMap { UnitText.words(of: $0) }.compactMap { word in
                Glob(word).isValid
                    ? nil
                    : "\(quoted(word)) is no pattern and would match nothing: close \"[\", and end with no backslash"
            }
        case .ports: values.flatMap { Port.items(of: $0) }.compactMap { portComplaint($0, for: name) }
        case .global, .runAgain:
            values.compactMap { value in
                isOpen(value, name) || truth(value) != nil
                    ? nil
                    : "\(quoted(value)) is neither true nor false; write true, yes, 1, on, t, false, no, 0, off or f"
            }
        case .onDisconnect:
            values.compactMap { value in
                isOpen(value, name) || OnDisconnect(rawValue: value) != nil
                    ? nil : "\(quoted(value)) is no policy; write fence or keep"
            }
        }
    }

    private static func machineIDComplaint(_ value: String, for name: UnitName) -> String? {
        let isHex = value.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        if isOpen(value, name) || isHex && [8, 32].contains(value.utf8.count) { return nil }
        return "\(quoted(value)) can be no machine's id; write all 32 lowercase hexadecimal digits, or the first 8"
    }

    private static func peerComplaint(_ value: String, for name: UnitName) -> String? {
        if isOpen(value, name) { return nil }
        if value == name.rawValue { return "a unit cannot wait for itself" }
        do {
            let peer = try UnitName(validating: value)
            return peer.isTemplate ? "\(value) is a template, which never runs; name an instance of it" : nil
        } catch {
            return error.message
        }
    }

    private static func pairComplaint(_ value: String) -> String? {
        if pair(value) != nil { return nil }
        return "\(quoted(value)) is not one KEY=VALUE, so the unit would run on any machine; "
            + "put several pairs in quotes, one by one, or on lines of their own"
    }

    private static func portComplaint(_ value: String, for name: UnitName) -> String? {
        if isOpen(value, name) || Port(value) != nil { return nil }
        return "\(quoted(value)) is no port; write a number from 1 to 65535, with /tcp or /udp behind it if need be, "
            + "and a comma between two"
    }

    /// Whether the value's specifiers wait for the instance, so that nothing can be said yet.
    private static func isOpen(_ value: String, _ name: UnitName) -> Bool {
        name.isTemplate && value.utf8.contains(UInt8(ascii: "%"))
    }

    private static func quoted(_ text: String) -> String { UnitFileError.quoted(text) }

    /// Options that exclude each other, by fleet's rules.
    package var contradictions: [String] {
        let present: [(name: String, isPresent: Bool)] = [
            ("MachineID", machineID != nil), ("MachineOf", !machineOf.isEmpty), ("Conflicts", !conflicts.isEmpty),
            ("Global", isGlobal), ("Replaces", !replaces.isEmpty),
        ]
        let names = Set(present.filter(\.isPresent).map(\.name))
        let exclusive = [
            ("MachineID", "MachineOf"), ("MachineID", "Conflicts"), ("MachineID", "Global"), ("MachineID", "Replaces"),
            ("Global", "MachineOf"), ("Global", "Replaces"), ("Conflicts", "Replaces"),
        ]
        var found = exclusive.filter { names.contains($0) && names.contains($1) }
            .map { "\($0) cannot be used together with \($1); remove one of them" }
        for peer in machineOf {
            for (option, globs) in [("Conflicts", conflicts), ("Replaces", replaces)] {
                if let glob = globs.first(where: { $0.matches(peer) }) {
                    found.append("MachineOf=\(peer) wants what \(option)=\(glob) rules out; remove one of them")
                }
            }
        }
        return found
    }
}
