// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension UnitFile {
    /// Whether the file asks for further names.
    package var hasAliases: Bool {
        entries.contains { $0.option.section == "Install" && $0.option.name == "Alias" && !$0.value.isEmpty }
    }

    /// The further names that `Alias=` in `[Install]` gives the unit `name`, each once, in the order of the file.
    ///
    /// Left out is what systemd makes no alias of (`unit_validate_alias_symlink_or_warn`): names of another type, and names whose
    /// instance is not the unit's own, a plain name for an instance among them.
    package func aliases(of name: UnitName) -> [UnitName] {
        namesAsked(of: name).filter { alias in
            alias.type == name.type && alias.instance == name.instance
                && (try? UnitName(validating: alias.rawValue)) != nil
        }
    }

    /// The words of `Alias=`, as they are written, that systemd refuses whichever instance the template `name` gets: those that make
    /// a name without an instance.
    func aliasesOfNoInstance(of name: UnitName) -> [String] {
        // Any instance shows where the words put it.
        guard hasAliases, name.type?.allowsAliases == true, let sample = try? name.instance("1") else { return [] }
        return effectiveValues(section: "Install", name: "Alias").flatMap { UnitText.unquotedWords(of: $0) }
            .filter { word in
                let (text, isComplete) = sample.systemdText(word)
                let alias = UnitName(unchecked: text)
                return isComplete && !alias.isTemplate && alias.instance == nil
            }
    }

    /// The names that `Alias=` asks for, also those that systemd refuses the unit.
    ///
    /// systemd's rules: an empty assignment clears the list, `%n` and its like are expanded, types that systemd gives no
    /// aliases have none, and a template's name as an alias stands for the instance that `name` is. A template itself is on no
    /// machine, so it has none. Left out are the unit's own name and what only a machine can tell, such as `%H.service`.
    func namesAsked(of name: UnitName) -> [UnitName] {
        guard hasAliases, !name.isTemplate, let type = name.type, type.allowsAliases else { return [] }
        var found: [UnitName] = []
        for value in effectiveValues(section: "Install", name: "Alias") {
            for word in UnitText.unquotedWords(of: value) {
                let (text, isComplete) = name.systemdText(word)
                guard isComplete else { continue }
                var alias = UnitName(unchecked: text)
                if alias.isTemplate, let instance = name.instance, let own = try? alias.instance(instance) {
                    alias = own
                }
                if alias != name, !found.contains(alias) { found.append(alias) }
            }
        }
        return found
    }
}

extension ClusterState {
    /// Why the unit `name` cannot have `file`: the two of them and another unit would be called the same on a machine.
    ///
    /// - Returns: The clash with the unit that is first by name, in one line; `nil` when there is none.
    package func aliasClash(of name: UnitName, with file: UnitFile) -> String? {
        let mine = file.aliases(of: name)
        if let taken = mine.first(where: { units[$0] != nil }) {
            return "Alias=\(taken) in \(name) is the name of another unit of the cluster; choose another alias"
        }
        // Most clusters have no file with an alias, and then nothing is looked through.
        let theirs = Set(files.filter { $0.value.hasAliases }.map(\.key))
        guard !theirs.isEmpty else { return nil }
        let others = units.values.filter { other in
            theirs.contains(other.hash) && other.name != name
        }
        for other in others.sorted(by: { $0.name < $1.name }) {
            let aliases = files[other.hash]?.aliases(of: other.name) ?? []
            if aliases.contains(name) {
                return
                    "\(name) is an alias of the unit \(other.name); choose another name, or change that unit's Alias="
            }
            if let shared = mine.first(where: aliases.contains) {
                return "Alias=\(shared) in \(name) is an alias of the unit \(other.name), too; choose another alias"
            }
        }
        return nil
    }
}
