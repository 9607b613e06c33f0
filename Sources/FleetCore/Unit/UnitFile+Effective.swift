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
            let value = entry.effective ?? entry.option.value
            if value.isEmpty { values.removeAll() } else { values.append(value) }
        }
        return values
    }

    /// The first `Description=` of `[Unit]` that is not cleared, for tables; empty when there is none.
    package var unitDescription: String { effectiveValues(section: "Unit", name: "Description").last ?? "" }

    /// Whether the file has an option in `section`.
    package func hasSection(_ section: String) -> Bool { entries.contains { $0.option.section == section } }

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
                return moved
            }
        }
        return UnitFile(text: text, entries: entries)
    }
}
