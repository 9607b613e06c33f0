// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension UnitFile {
    /// A file of settings that systemd reads after the unit's own, from `NAME.d/`.
    package struct DropIn: Hashable, Sendable {
        /// File name without folder, such as `10-memory.conf`.
        package var name: String
        package var file: UnitFile

        package init(name: String, file: UnitFile) {
            self.name = name
            self.file = file
        }
    }

    /// The values that systemd gives a setting, in order.
    ///
    /// An empty assignment clears all values before it (systemd.syntax(7)). Continuations are joined and comments inside of
    /// them dropped. A setting that takes one value has the last of them.
    package func effectiveValues(section: String, name: String) -> [String] {
        var values: [String] = []
        for entry in entries where entry.option.section == section && entry.option.name == name {
            let value = entry.value
            if value.isEmpty { values.removeAll() } else { values.append(value) }
        }
        return values
    }

    /// What systemd makes of a yes-or-no setting: the last value that is one; `nil` where there is none.
    ///
    /// Unlike a list, it is not cleared by an empty assignment, which systemd ignores with a warning.
    package func flag(section: String, name: String) -> Bool? {
        entries.lazy.filter { $0.option.section == section && $0.option.name == name }
            .compactMap { Self.truth($0.value) }.last
    }

    /// What systemd makes of a setting that takes one of `words`: the last value that is one; `nil` where there is none.
    ///
    /// As with a flag, systemd passes over an empty assignment and words that it does not know, with a warning.
    package func word(section: String, name: String, among words: [String]) -> String? {
        entries.last { $0.option.section == section && $0.option.name == name && words.contains($0.value) }?.value
    }

    /// systemd's words for yes and no (`parse_boolean`), in any case.
    private static func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "yes", "y", "true", "t", "on": true
        case "0", "no", "n", "false", "f", "off": false
        default: nil
        }
    }

    /// The `Description=` that systemd shows for the unit, with the specifiers that its name decides; empty when there is none.
    package func description(of name: UnitName) -> String {
        guard let text = effectiveValues(section: "Unit", name: "Description").last else { return "" }
        return name.systemdText(text).text
    }

    /// Whether the file has an option in `section`.
    package func hasSection(_ section: String) -> Bool { entries.contains { $0.option.section == section } }

    /// Every setting and the line that it begins at, from 1, in the order of the text.
    package var optionLines: [(option: UnitOption, line: Int)] { entries.map { ($0.option, $0.line) } }

    /// This file with `dropIns` read after it, in systemd's order.
    ///
    /// Drop-ins apply in the byte order of their names; of several with one name the first in the list counts, so the
    /// caller lists the folder of highest priority first (systemd.unit(5)). The text may exceed `sizeLimit`: systemd's
    /// limit is per file.
    package func merging(_ dropIns: [DropIn]) -> UnitFile {
        var seen: Set<String> = []
        var text = self.text
        var entries = self.entries
        let ordered = dropIns.filter { seen.insert($0.name).inserted }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for dropIn in ordered {
            // Two newlines end a line without an end and a value that continues into nothing.
            text += "\n\n"
            let above = UnitText.lineBreaks(in: text)
            var added = dropIn.file.text[...]
            // A byte order mark is one at the start of a file alone.
            if added.unicodeScalars.first == "\u{FEFF}" { added.unicodeScalars.removeFirst() }
            text += added
            entries += dropIn.file.entries.map { entry in
                var moved = entry
                moved.line += above
                moved.lastLine += above
                return moved
            }
        }
        return UnitFile(text: text, entries: entries)
    }
}
