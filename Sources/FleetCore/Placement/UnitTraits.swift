// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What placement needs to know of a unit, derived once from its name and file.
package struct UnitTraits: Hashable, Sendable {
    package let name: UnitName
    package let options: SchedulingOptions
    /// What its instances share, when it is one: they are spread over machines.
    package let template: UnitName?
    /// Conflicts that name one unit without any wildcard.
    package let exactConflicts: [UnitName]
    /// Conflicts with wildcards, by their text.
    package let globConflicts: [Glob]

    package init(name: UnitName, options: SchedulingOptions) {
        self.name = name
        self.options = options
        template = name.isInstance ? name.template : nil
        exactConflicts = options.conflicts.filter(\.isLiteral).map { UnitName(unchecked: $0.pattern) }
        globConflicts = options.conflicts.filter { !$0.isLiteral }
    }
}
