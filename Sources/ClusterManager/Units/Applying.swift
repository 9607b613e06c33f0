// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What `apply` does to the cluster's units: a pure decision from the files here and the units there.
package struct Applying: Sendable {
    package enum Change: String, Encodable, Sendable {
        case created
        case replaced
        case unchanged
    }

    /// One unit's part.
    package struct Item: Sendable {
        package let unit: UnitName
        package let source: UnitSource
        package let change: Change
        /// The state that the unit shall have, which is the one it has.
        package let target: TargetState
        package let isGlobal: Bool
        /// The machine that has it; `nil` for one that is global, or on none.
        package let machine: String?
    }

    package let items: [Item]
    /// Templates that come anew or change, by name, with how many of their instances run a file of their own and keep it.
    package let keepers: [(template: UnitName, instances: Int)]

    /// Plans for files with different names.
    ///
    /// Instances of a changed template follow it when their file is the one that the template had: they were made of it.
    package init(_ files: [(name: UnitName, source: UnitSource)], units: [FleetUnit]) {
        let known = Dictionary(units.map { ($0.name, $0) }) { first, _ in first }
        let named = Set(files.map(\.name))
        var items: [Item] = []
        var keepers: [(template: UnitName, instances: Int)] = []
        func add(_ name: UnitName, _ source: UnitSource, _ unit: FleetUnit?) {
            let change: Change = unit.map { $0.hash == source.hash ? .unchanged : .replaced } ?? .created
            items.append(
                Item(
                    unit: name, source: source, change: change, target: unit?.desired ?? .inactive,
                    isGlobal: source.isGlobal(as: name),
                    machine: unit.flatMap { $0.isGlobal ? nil : $0.machine }))
        }
        for (name, source) in files {
            add(name, source, known[name])
            guard name.isTemplate, known[name]?.hash != source.hash else { continue }
            let instances = units.filter {
                $0.name.template == name && $0.name.isInstance && !named.contains($0.name) && $0.hash != source.hash
            }
            let followers = instances.filter { $0.hash == known[name]?.hash }
            for unit in followers { add(unit.name, source, unit) }
            if followers.count < instances.count { keepers.append((name, instances.count - followers.count)) }
        }
        self.items = items
        self.keepers = keepers
    }

    /// What the plan does, of which one part comes after another where one changed unit triggers another one.
    package func stages(_ patience: UnitOperation.Patience) -> [UnitOperation.Stage] {
        let parts = items.map { item in
            var part = StartOrder.Part(item.unit, item.source.file, on: item.machine, item.step)
            if item.change == .replaced, item.target == .launched {
                part.restarts(by: { try await $0.replace(item.unit, file: item.source, target: .loaded) })
            }
            return part
        }
        return patience == .none ? [UnitOperation.Stage(parts.map(\.step))] : StartOrder.stages(starting: parts)
    }

    /// Carries out the command.
    ///
    /// - Throws: `ClusterManagerError`.
    package static func run(
        _ paths: [String], dryRun: Bool, patience: UnitOperation.Patience, in context: CommandContext
    ) async throws {
        let paths = try UnitFilePaths.expand(paths)
        var files: [(name: UnitName, source: UnitSource)] = []
        for path in paths {
            let name = try UnitFilePaths.name(of: path)
            if files.contains(where: { $0.name == name }) {
                throw ClusterManagerError(.usage, "there are two files for unit \(name); nothing was done")
            }
            files.append((name, try UnitSource(readingFileAt: path, name: name)))
        }
        try UnitSource.requireOwnNames(files)
        let plan = Applying(files, units: try await context.fleet.units())
        for (template, instances) in plan.keepers {
            context.warn(
                "\(instances) of the instances of \(template) run another file, and keep it; \(Scaling.remedy(template))"
            )
        }
        if dryRun {
            let results = plan.items.map { item in
                let words = item.change == .unchanged ? "is unchanged" : "would be \(item.change.rawValue)"
                return OperationResult(unit: item.unit.rawValue, ok: true, message: "Unit \(item.unit) \(words)")
            }
            switch context.format {
            case .json: context.console.output.write(try JSONOutput.text(results))
            case .table: for result in results { context.console.output.line(result.message) }
            }
            return
        }
        try await UnitOperation(context: context, patience: patience).run(plan.stages(patience))
        let counts = [Change.created, .replaced, .unchanged].map { change in
            "\(plan.items.count { $0.change == change }) \(change.rawValue)"
        }
        context.warn(counts.joined(separator: ", "))
    }
}

extension Applying.Item {
    /// What to ask for and wait for.
    var step: UnitOperation.Step {
        let (name, source, target) = (unit, source, target)
        let line = "Unit \(name) \(change.rawValue)"
        switch change {
        case .unchanged: return UnitOperation.Step(name, line: line)
        case .created:
            return UnitOperation.Step(name, line: line) { try await $0.create(name, file: source, target: target) }
        case .replaced:
            let goal: WaitGoal.Kind? =
                isGlobal ? nil : target == .launched ? .running : target == .loaded ? .loaded : nil
            return UnitOperation.Step(name, line: line, goal: goal, hash: source.hash) {
                try await $0.replace(name, file: source, target: target)
            }
        }
    }
}
