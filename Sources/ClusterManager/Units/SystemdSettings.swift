// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Glibc
import Terminal

/// The settings that systemd knows, by section, as the systemd of this host lists them itself.
///
/// systemd passes over a setting that it does not know, with a line in its log: a slip of the fingers is found nowhere else.
package struct SystemdSettings: Sendable {
    /// By section, such as `Service`.
    private let names: [String: Set<String>]

    /// Reads what `systemd --dump-configuration-items` prints: `[Section]`, and lines such as `ExecStart=PATH [ARGUMENTS]`.
    package init(listing: String) {
        var names: [String: Set<String>] = [:]
        var section = ""
        for line in listing.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                section = String(line[line.index(after: line.startIndex)..<end])
            } else if let sign = line.firstIndex(of: "=") {
                names[section, default: []].insert(String(line[..<sign]))
            }
        }
        self.names = names
    }

    /// Those of the systemd that is installed here; `nil` where none is.
    package static func ofThisHost() -> SystemdSettings? {
        let paths = ["/lib/systemd/systemd", "/usr/lib/systemd/systemd"]
        guard let path = paths.first(where: { access($0, X_OK) == 0 }),
            let pipe = popen("\(path) --dump-configuration-items 2>/dev/null", "r")
        else { return nil }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&piece, 1, piece.count, pipe)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        let settings = SystemdSettings(listing: String(decoding: bytes, as: UTF8.self))
        // A list without the oldest of all settings is none.
        guard pclose(pipe) == 0, settings.names["Unit"]?.contains("Description") == true else { return nil }
        return settings
    }

    /// Settings of `file` that systemd does not know in their section.
    ///
    /// Sections that it does not know are left to who names those.
    func problems(in file: UnitFile) -> [UnitFileCheck.Problem] {
        file.optionLines.compactMap { option, line in
            let (section, name) = (option.section, option.name)
            guard let known = names[section], !known.contains(name), !name.hasPrefix("X-") else { return nil }
            let near = known.filter { Spelling.isSlip(name, of: $0) }.min {
                (Spelling.distance(name, $0), $0) < (Spelling.distance(name, $1), $1)
            }
            let hint = near.map { "; did you mean \($0)=?" } ?? ""
            return UnitFileCheck.Problem(
                line: line, message: "systemd knows no \(name)= in [\(section)], and passes it over\(hint)")
        }
    }
}
