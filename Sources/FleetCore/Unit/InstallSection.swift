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

    package var isEmpty: Bool { aliases.isEmpty && dependents.isEmpty }

    /// Reads the section for `unit`; names that are none, which systemd would refuse as well, are left out.
    package init(of file: UnitFile, for unit: UnitName) {
        aliases = file.aliases(of: unit)
        var dependents: [String] = []
        for (option, folder) in [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")] {
            for value in file.effectiveValues(section: "Install", name: option) {
                for word in UnitText.unquotedWords(of: value) {
                    let (text, isComplete) = unit.systemdText(word)
                    guard isComplete, let name = try? UnitName(validating: text) else { continue }
                    let link = "\(name).\(folder)/\(unit)"
                    if !dependents.contains(link) { dependents.append(link) }
                }
            }
        }
        self.dependents = dependents
    }
}
