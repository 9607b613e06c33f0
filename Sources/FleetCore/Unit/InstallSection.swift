// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a unit's `[Install]` section asks for while the unit is loaded.
///
/// - Source: systemd.unit(5), "[Install] Section Options". `Also=` is left out: each unit of a cluster is loaded and unloaded by
///   itself. `DefaultInstance=` is about templates, which are never loaded.
package struct InstallSection: Hashable, Sendable {
    /// Further names of the same unit.
    package let aliases: [UnitName]
    /// Where links to the unit belong, such as `multi-user.target.wants/web.service`, in the order of the text.
    package let dependents: [String]
    /// Names that are none, as they stand in the text; systemd would refuse them as well.
    package let refused: [String]

    package var isEmpty: Bool { aliases.isEmpty && dependents.isEmpty }

    /// Reads the section; specifiers are expanded for `unit`.
    package init(of file: UnitFile, for unit: UnitName) {
        var aliases: [UnitName] = []
        var dependents: [String] = []
        var refused: [String] = []
        func names(_ option: String) -> [UnitName] {
            var found: [UnitName] = []
            for value in file.effectiveValues(section: "Install", name: option) {
                for word in value.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
                    let text = unit.expandingSpecifiers(in: String(word))
                    if let name = try? UnitName(validating: text) {
                        found.append(name)
                    } else {
                        refused.append(String(word))
                    }
                }
            }
            return found
        }
        for name in names("Alias") where name != unit {
            // An alias has its unit's type: another one would be another kind of thing (systemd.unit(5), "Alias=").
            if name.type == unit.type, !name.isTemplate {
                if !aliases.contains(name) { aliases.append(name) }
            } else {
                refused.append(name.rawValue)
            }
        }
        for (option, folder) in [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")] {
            for name in names(option) {
                let link = "\(name).\(folder)/\(unit)"
                if !dependents.contains(link) { dependents.append(link) }
            }
        }
        self.aliases = aliases
        self.dependents = dependents
        self.refused = refused
    }
}
