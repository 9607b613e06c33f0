// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What placement needs to know of a unit, derived once from its name and file.
package struct UnitTraits: Hashable, Sendable {
    package let name: UnitName
    /// Further names that its file gives it (`Alias=`); nearly always none.
    package let aliases: [UnitName]
    /// All that it is called on its machine, its own name first.
    package let names: [UnitName]
    package let options: SchedulingOptions
    /// What its instances share, when it is one: they are spread over machines.
    package let template: UnitName?
    /// Conflicts that name one unit without any wildcard.
    package let exactConflicts: [UnitName]
    /// Conflicts with wildcards, by their text.
    package let globConflicts: [Glob]

    package init(name: UnitName, options: SchedulingOptions, aliases: [UnitName] = []) {
        self.name = name
        self.aliases = aliases
        names = [name] + aliases
        self.options = options
        template = name.isInstance ? name.template : nil
        exactConflicts = options.conflicts.filter(\.isLiteral).map { UnitName(unchecked: $0.pattern) }
        globConflicts = options.conflicts.filter { !$0.isLiteral }
    }

    /// Whether the unit's file kept others off by something that it no longer says once it is `later`.
    ///
    /// Also true where nobody gains by it, as when a pattern makes room for a wider one.
    func givesWay(to later: UnitTraits) -> Bool {
        options.conflicts.contains { !later.options.conflicts.contains($0) }
            || options.replaces.contains { !later.options.replaces.contains($0) }
            || options.ports.contains { !later.options.ports.contains($0) }
            || aliases.contains { !later.aliases.contains($0) }
    }

    /// The first of the unit's names that one of `globs` matches.
    func name(matchedBy globs: [Glob]) -> UnitName? {
        names.first { name in globs.contains { $0.matches(name) } }
    }

    /// Whether one of `globs` matches one of the unit's names.
    func isMatched(by globs: [Glob]) -> Bool { name(matchedBy: globs) != nil }
}
