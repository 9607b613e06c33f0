// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import FoundationEssentials

/// Which instances of a template are to be started and which to be taken away: a pure decision.
package struct Scaling: Sendable, Equatable {
    /// Instances 1 to the number asked for, in that order.
    package let up: [UnitName]
    /// Instances beyond that are on a machine or shall be, the highest first.
    package let down: [UnitName]

    /// Plans by the instances' own numbers, never by how many there are.
    ///
    /// - Throws: `ClusterManagerError.usage` for a number that makes no unit's name.
    package init(_ template: UnitName, to count: Int, units: [FleetUnit]) throws {
        var up: [UnitName] = []
        do {
            for number in 0..<count { up.append(try template.instance("\(number + 1)")) }
        } catch {
            throw ClusterManagerError(.usage, error.message)
        }
        self.up = up
        let surplus = units.filter { $0.name.template == template && $0.desired > .inactive }
            .compactMap { unit in Self.number(of: unit.name).map { (number: $0, name: unit.name) } }
            .filter { $0.number > count }
        self.down = surplus.sorted { $0.number > $1.number }.map(\.name)
    }

    /// The number that names an instance; `nil` for other names, `007` and `0` included.
    package static func number(of name: UnitName) -> Int? {
        guard let text = name.instance, let number = Int(text), number > 0, "\(number)" == text else { return nil }
        return number
    }

    /// How instances that run another file get their template's.
    package static func remedy(_ template: UnitName) -> String {
        "to give them that one: cluster-manager start --replace '\(template.rawValue.replacing("@", with: "@*", maxReplacements: 1))'"
    }

    /// Carries out the command.
    ///
    /// - Throws: `ClusterManagerError`.
    package static func run(
        _ argument: String, to count: Int, patience: UnitOperation.Patience, in context: CommandContext
    ) async throws {
        let most = DemonstrationRun.mostAgents
        guard (0...most).contains(count) else {
            throw ClusterManagerError(.usage, "the number of instances must be from 0 to \(most), not \(count)")
        }
        let argument = UnitArgument(argument)
        let template = try argument.name()
        guard template.isTemplate else {
            let example = template.isInstance ? template.template?.rawValue : template.prefix + "@.service"
            throw ClusterManagerError(
                .usage, "\(template) is no template; its name would end in '@', as in \(example ?? "worker@.service")")
        }
        let units = try await context.fleet.units()
        let source = try await source(of: template, argument, units: units, in: context)
        guard !source.isGlobal(as: template) else {
            throw ClusterManagerError(
                .unit, "\(template) is global: each instance runs on every machine that qualifies, and cannot be scaled"
            )
        }
        let plan = try Scaling(template, to: count, units: units)
        let known = Dictionary(units.map { ($0.name, $0) }) { first, _ in first }
        let outdated = plan.up.count { known[$0].map { $0.hash != source.hash } ?? false }
        if outdated > 0 {
            context.warn(
                "\(outdated) of the instances run another file than \(template), and keep it; \(Self.remedy(template))"
            )
        }
        let rising = BringingUp(to: .launched, replaces: false)
        // A template that came from a file here is kept, so that the next call and an edit of it find what this one used.
        var steps =
            known[template] == nil
            ? [
                try BringingUp(to: .inactive, replaces: false).step(
                    UnitFinding(name: template, registered: nil, source: source)
                ).step
            ] : []
        let standings = try await Standing.of(plan.up.compactMap { known[$0] }, in: context.fleet)
        steps += try plan.up.map { name in
            let finding = UnitFinding(name: name, registered: known[name], source: known[name] == nil ? source : nil)
            return try rising.step(finding, standings[name]).step
        }
        steps += try plan.down.compactMap { name in try known[name].map(BringingDown(.unload).step) }
        if steps.isEmpty { context.warn("\(template) has no instance with a number, so there is nothing to do") }
        try await UnitOperation(context: context, patience: patience, keepsOrder: true).run(steps)
    }

    /// The template's file: the cluster's, with a warning when the one here differs, else the one here.
    private static func source(
        of template: UnitName, _ argument: UnitArgument, units: [FleetUnit], in context: CommandContext
    ) async throws -> UnitSource {
        let path = argument.file(for: template)
        let here =
            FileManager.default.fileExists(atPath: path) ? try UnitSource(readingFileAt: path, name: template) : nil
        guard let registered = try await context.fleet.unit(template) else {
            guard let here else {
                throw ClusterManagerError(.unit, "template \(template) is neither in the cluster nor in a file \(path)")
            }
            return here
        }
        if let here, here.hash != registered.hash {
            context.warn(
                "template \(template) in the cluster differs from the file here, and its instances run what is there;"
                    + " cluster-manager apply \(ShellWord.quoted(path)) brings the file")
        }
        return UnitSource(registered: registered.file)
    }
}
