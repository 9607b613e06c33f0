// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

extension FuzzedParser {
    /// Unit files, their names and patterns: what users submit.
    static var units: [FuzzedParser] {
        [
            FuzzedParser(
                name: "unit-file",
                seeds: [
                    "[Unit]\nDescription=a \\\n b\n[Service]\nExecStart=/bin/sleep inf\n[X-Fleet]\nMachineMetadata=role=worker\n",
                    "[Unit]\r\n# c\n;d\nAfter=\n[Service]\nEnvironment=\"A=b c\" 'D=%i'\n[Install]\nWantedBy=x.target\n",
                    "[X-Fleet]\nConflicts=a@*.service b?[a-z].service\nMachineOf=x.service\nGlobal=true\nMachineID=0a\n",
                    "[Service]\nA=\\x41\\u0041\\U00000041\\101\n", "\u{FEFF}[A]\nB=\u{85}\n", "[A]\nB=c\\",
                    "[Unit]\n# a \\\n b \\\n c\nDescription=%p %I\n[Install]\nAlias=%i.service\n",
                ],
                feed: { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    guard let file = try? UnitFile(parsing: text) else { return }
                    require(Array(file.text.utf8) == Array(text.utf8), "a unit file's text was changed by reading it")
                    guard let again = try? UnitFile(parsing: file.text) else { fatalError("read once, not twice") }
                    require(again.hash == file.hash, "a unit file has two hashes")
                    _ = try? UnitFile(options: file.options)
                    for name in ["web.service", "web@1.service", "web@.timer"] {
                        _ = SchedulingOptions(of: file, for: UnitName(unchecked: name))
                        _ = UnitSubmission.refusal(of: file, as: UnitName(unchecked: name))
                        _ = file.description(of: UnitName(unchecked: name))
                    }
                }),
            FuzzedParser(
                name: "unit-name",
                seeds: [
                    "web.service", "web@.service", "web@a\\x2db.timer", "a.b@c.socket", "-.mount", "dev-sda1.device",
                ],
                feed: { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    _ = try? UnitName.completed(text)
                    guard let name = try? UnitName(validating: text) else { return }
                    require(name.rawValue == text, "a name was changed by reading it")
                    require(
                        !text.utf8.contains(0x2F) && !text.utf8.contains(0) && text.utf8.count + 4 <= 255,
                        "a name leads elsewhere")
                }),
            FuzzedParser(
                name: "glob", seeds: ["*", "a@*.service", "[a-z]?*[!x]", "[[:alpha:]]", "\\*", "[", "a*b*c*d*e*f*g"],
                feed: { bytes in
                    // Pattern and subject, parted by the first zero byte.
                    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
                    let pattern = String(decoding: parts[0], as: UTF8.self)
                    let glob = Glob(pattern)
                    _ = glob.matches(String(decoding: parts.count > 1 ? parts[1] : parts[0], as: UTF8.self))
                }),
        ]
    }
}
