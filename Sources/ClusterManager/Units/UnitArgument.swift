// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import FoundationEssentials

/// What a command line says where a unit is expected: a name, the path of a unit file, or a pattern over units.
package struct UnitArgument: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// Whether the argument is a pattern such as `celix@*`, which the shell left alone because no file matches it.
    package var isPattern: Bool { text.contains { "*?[".contains($0) } }

    /// The unit that is meant: of a path the last part, and `.service` added where no type stands.
    ///
    /// - Throws: `ClusterManagerError.usage` when that is no unit's name.
    package func name() throws -> UnitName {
        let last = text.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        do {
            return try UnitName.completed(last)
        } catch {
            throw ClusterManagerError(.usage, error.message)
        }
    }

    /// Chooses from `names` those that the pattern means and `verb` can act on, with `.service` added to a pattern without type.
    ///
    /// Whoever names a unit wants it and is told why it cannot be; a pattern takes what there is.
    ///
    /// - Parameters:
    ///   - names: All that there are.
    ///   - verb: What the command is called, for messages.
    ///   - obstacle: Why the command cannot act on a unit, to go after its name; `nil` when it can.
    /// - Returns: At least one name, in the order of `names`.
    /// - Throws: `ClusterManagerError.unit` when there is none.
    package func matches(
        _ names: [UnitName], for verb: String, unless obstacle: (UnitName) -> String?
    ) throws -> [UnitName] {
        let found = try matches(names)
        let chosen = found.filter { obstacle($0) == nil }
        guard chosen.isEmpty else { return chosen }
        var reasons: [(first: UnitName, why: String, others: Int)] = []
        for name in found {
            guard let why = obstacle(name) else { continue }
            if let known = reasons.firstIndex(where: { $0.why == why }) {
                reasons[known].others += 1
            } else {
                reasons.append((name, why, 0))
            }
        }
        let words = reasons.map { reason in
            let others = reason.others
            let rest = others == 0 ? "" : ", and so it is with the \(others == 1 ? "other one" : "\(others) others")"
            // Which others are meant is plain only where there is one reason.
            let more = others == 0 ? "" : " (and \(others) more)"
            return "\(reason.first) \(reason.why)\(reasons.count == 1 ? rest : more)"
        }
        throw ClusterManagerError(
            .unit,
            "no unit that matches '\(text)' can be meant by '\(verb)': \(words.joined(separator: "; "))")
    }

    /// Chooses from `names` those that the pattern means, with `.service` added to a pattern without type.
    ///
    /// - Throws: `ClusterManagerError.unit` when there is none.
    package func matches(_ names: [UnitName]) throws -> [UnitName] {
        let found = try matchesIfAny(names)
        guard !found.isEmpty else { throw ClusterManagerError(.unit, "no unit matches '\(text)'") }
        return found
    }

    /// As `matches(_:)`, for commands to which it is nothing wrong that there is no such unit.
    ///
    /// - Throws: `ClusterManagerError.usage` for what is no pattern.
    package func matchesIfAny(_ names: [UnitName]) throws -> [UnitName] {
        let pattern = try glob()
        return names.filter { pattern.matches($0) }
    }

    /// The pattern, with `.service` added to one without type.
    ///
    /// - Throws: `ClusterManagerError.usage` for what is no pattern.
    func glob() throws -> Glob {
        let hasType = UnitName(unchecked: text).type != nil || text.hasSuffix("*")
        let pattern = Glob(hasType ? text : text + ".service")
        guard pattern.isValid else { throw ClusterManagerError(.usage, "'\(text)' is no valid pattern") }
        return pattern
    }

    /// The path of the file that would hold the unit's text, if the argument or the present folder names one.
    ///
    /// An argument without a type stands for a service, so the file is looked for under the completed name.
    package func file(for name: UnitName) -> String {
        guard let slash = text.lastIndex(of: "/") else { return name.rawValue }
        return text[...slash] + name.rawValue
    }

    /// What the argument is here, where that is not what a command for units takes: a folder, or a file whose name is no unit's.
    package var mistake: String? {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: text, isDirectory: &isFolder) else { return nil }
        if isFolder {
            return "\(text) is a folder: cluster-manager apply \(ShellWord.quoted(text)) takes the unit files in it"
        }
        let last = text.split(separator: "/").last.map(String.init) ?? text
        guard (try? UnitName(recorded: last)) == nil else { return nil }
        return "\(text) is a file whose name is no unit's, which ends in a type such as .service"
    }
}

/// A unit that a command is about: what the cluster has of it, and what the disk has.
package struct UnitFinding: Sendable {
    package let name: UnitName
    /// As the cluster has it; `nil` for a unit that is new.
    package let registered: FleetUnit?
    /// What to make it from, or to compare it with; `nil` for a registered unit without a file here.
    package let source: UnitSource?
}

/// Resolves the arguments of submit, load and start the way fleet does.
package struct UnitFinder: Sendable {
    private let fleet: any FleetService
    /// Whether units get a new file: an instance then gets its template's in the cluster, where there is none here.
    private let replaces: Bool

    package init(_ fleet: any FleetService, replaces: Bool = false) {
        self.fleet = fleet
        self.replaces = replaces
    }

    /// Finds each argument's unit: registered, or else made from a file of that name, the registered template, or a
    /// template file beside where the unit's own file would be.
    ///
    /// Everything is checked before this returns, so that a command sends nothing when one argument is wrong.
    ///
    /// - Parameters:
    ///   - arguments: As the user wrote them.
    ///   - verb: What the command is called, for messages.
    ///   - target: What the units are brought to; a pattern leaves templates out unless that is `inactive`.
    /// - Returns: One finding per unit, in the order of the arguments, none twice.
    /// - Throws: `ClusterManagerError` for an argument that is no name, a file that is unusable, or a unit that is found
    ///   neither in the cluster nor on disk.
    package func find(
        _ arguments: [String], for verb: String = "submit", to target: TargetState = .inactive
    ) async throws -> [UnitFinding] {
        var findings: [UnitFinding] = []
        var seen: Set<UnitName> = []
        var all: [FleetUnit]?
        for argument in arguments.map(UnitArgument.init) {
            if argument.isPattern {
                let units: [FleetUnit]
                if let all { units = all } else { units = try await fleet.units() }
                all = units
                let names = Set(
                    try argument.matches(units.map(\.name), for: verb) { name in
                        name.isTemplate && target > .inactive ? "is a template" : nil
                    })
                var templates: [UnitName: UnitSource] = [:]
                for unit in units where names.contains(unit.name) && seen.insert(unit.name).inserted {
                    let template = unit.name.template ?? unit.name
                    // Asked for by name, once for all its instances: a listing lacks the comments.
                    if templates[template] == nil { templates[template] = try await templateInCluster(of: unit.name) }
                    let source = templates[template]
                    findings.append(UnitFinding(name: unit.name, registered: unit, source: source))
                }
            } else {
                if argument.text.hasSuffix("/"), let mistake = argument.mistake {
                    throw ClusterManagerError(.usage, "'\(verb)' takes units and their files; \(mistake)")
                }
                let name = try argument.name()
                guard !seen.contains(name) else { continue }
                let finding = try await find(name, argument)
                if seen.insert(finding.name).inserted { findings.append(finding) }
            }
        }
        try UnitSource.requireOwnNames(findings.compactMap { finding in finding.source.map { (finding.name, $0) } })
        return findings
    }

    private func find(_ name: UnitName, _ argument: UnitArgument) async throws -> UnitFinding {
        let registered = try await fleet.unit(name)
        let path = argument.file(for: name)
        if FileManager.default.fileExists(atPath: path) {
            let source = try UnitSource(readingFileAt: path, name: name)
            return UnitFinding(name: name, registered: registered, source: source)
        }
        if let registered {
            // An instance is compared with what it would be made from here, as in fleet.
            let here = try instanceSource(name, argument)
            let source = if let here { here } else { try await templateInCluster(of: name) }
            return UnitFinding(name: name, registered: registered, source: source)
        }
        guard let template = name.template, !name.isTemplate else {
            if let owner = try await aliased(name) { return owner }
            throw ClusterManagerError(
                .unit, "unit \(name) is neither in the cluster nor in a file \(path)" + Self.suffix(argument))
        }
        if let known = try await fleet.unit(template) {
            return UnitFinding(name: name, registered: nil, source: UnitSource(registered: known.file))
        }
        guard let source = try instanceSource(name, argument) else {
            if let owner = try await aliased(name) { return owner }
            throw ClusterManagerError(
                .unit,
                "neither unit \(name) nor its template \(template) is in the cluster or in a file here"
                    + Self.suffix(argument))
        }
        return UnitFinding(name: name, registered: nil, source: source)
    }

    private static func suffix(_ argument: UnitArgument) -> String { argument.mistake.map { "; \($0)" } ?? "" }

    /// As systemctl takes it: a name that a unit has by its `Alias=` means that unit.
    private func aliased(_ name: UnitName) async throws -> UnitFinding? {
        try await fleet.unit(called: name).map { UnitFinding(name: $0.name, registered: $0, source: nil) }
    }

    /// What the cluster has as the template of an instance that is to get a new file; `nil` for other units.
    private func templateInCluster(of name: UnitName) async throws -> UnitSource? {
        guard replaces, name.isInstance, let template = name.template else { return nil }
        return try await fleet.unit(template).map { UnitSource(registered: $0.file) }
    }

    /// The template's file beside where an instance's own would be; `nil` when there is none, or the unit is no instance.
    private func instanceSource(_ name: UnitName, _ argument: UnitArgument) throws -> UnitSource? {
        guard let template = name.template, !name.isTemplate else { return nil }
        let path = argument.file(for: template)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try UnitSource(readingFileAt: path, name: name)
    }
}
