// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import TestSupport
import Testing

/// What our reader makes of a unit file, beside what systemd makes of it.
@Suite("Unit files as the real systemd reads them", .serialized, .timeLimit(.minutes(3)))
struct UnitTextTests {
    /// One file per rule of systemd's syntax: what stands in `[Unit]` and after it.
    private static let texts: [(name: String, text: String)] = [
        ("plain", "[Unit]\nDescription=a b\n"),
        ("no-newline", "[Unit]\nDescription=a"),
        ("blanks", "\n  [Unit]  \n \tDescription \t= \t a  b \t\n"),
        ("reset", "[Unit]\nDescription=a\nDescription=\n"),
        ("reset-and-set", "[Unit]\nDescription=a\nDescription=\nDescription=b\n"),
        ("last-counts", "[Unit]\nDescription=a\nDescription=b\n"),
        ("equals", "[Unit]\nDescription=a=b==c\n"),
        ("comment-hash", "[Unit]\n# Description=no\nDescription=a\n"),
        ("comment-semicolon", "[Unit]\n ; Description=no\nDescription=a\n"),
        ("comment-behind", "[Unit]\nDescription=a # no comment ; nor this\n"),
        ("comment-backslash", "[Unit]\nDescription=a\n# why \\\nDescription=b\n"),
        ("comment-backslash-blank", "[Unit]\nDescription=a\n# why \\ \nDescription=b\n"),
        ("comment-backslash-header", "# why \\\n[Unit]\nDescription=b\n"),
        ("comment-backslash-rest", "[Unit]\nDescription=a\n# b \\\n  c \\\n  d\nSourcePath=/x\n"),
        ("comments-in-a-row", "[Unit]\n# a \\\n# b \\\nDescription=b\n"),
        ("continued", "[Unit]\nDescription=a \\\n  b\\\nc\n"),
        ("continued-comment", "[Unit]\nDescription=a \\\n# no\n ; nor \\\n  b\n"),
        ("continued-comment-blank", "[Unit]\nDescription=a \\\n# no\n\nDescription=b\n"),
        ("continued-blank", "[Unit]\nDescription=a \\\n\nSourcePath=/x\n"),
        ("continued-end", "[Unit]\nDescription=a \\"),
        ("continued-comment-end", "[Unit]\nDescription=a \\\n# no"),
        ("continued-header", "[Unit]\nDescription=a \\\n[Service]\n"),
        ("continued-assignment", "[Unit]\nDescription=a \\\nDescription=b\n"),
        ("continued-empty", "[Unit]\nDescription=\\\n  a\n"),
        ("two-backslashes", "[Unit]\nDescription=a\\\\\nSourcePath=/x\n"),
        ("three-backslashes", "[Unit]\nDescription=a\\\\\\\nb\n"),
        ("backslash-blank", "[Unit]\nDescription=a \\ \nSourcePath=/x\n"),
        ("backslash-inside", "[Unit]\nDescription=a\\tb \\x20 c\n"),
        ("crlf", "[Unit]\r\nDescription=a\r\nSourcePath=/x\r\n"),
        ("crlf-continued", "[Unit]\r\nDescription=a \\\r\n  b\r\n"),
        ("crlf-comment", "[Unit]\r\n# x \\\r\nDescription=b\r\n"),
        ("cr", "[Unit]\rDescription=a\rSourcePath=/x\r"),
        ("lfcr-continued", "[Unit]\n\rDescription=a \\\n\r  b\n\r"),
        ("mark", "\u{FEFF}[Unit]\nDescription=a\n"),
        ("mark-comment", "\u{FEFF}# x\n[Unit]\nDescription=a\n"),
        ("no-break-space", "[Unit]\nDescription=\u{A0}a\u{A0}\n"),
        ("no-break-space-name", "[Unit]\nDescription=a\n\u{A0}Description=b\n"),
        ("vertical-tab-comment", "[Unit]\nDescription=a\n\u{0B}# x=\nSourcePath=/x\n"),
        ("controls", "[Unit]\nDescription=a\u{1B}[31mb\u{07}\u{0C}\n"),
        ("scripts", "[Unit]\nDescription=Grüße 世界 e\u{301}\n"),
        ("quotes", "[Unit]\nDescription=\"a b\" 'c'\n"),
        ("case", "[Unit]\nDescription=a\ndescription=b\n[unit]\nDescription=c\n"),
        ("sections-again", "[Unit]\nDescription=a\n[Service]\nDescription=b\n[Unit]\nDescription=c\n"),
        ("foreign-section", "[X-Any one]\nDescription=a\n[Unit]\nDescription=b\n"),
        ("specifiers", "[Unit]\nDescription=%n %N %p %P %j %i 100%%\n"),
        ("flag-words", "[Unit]\nRefuseManualStart=On\nRefuseManualStop=T\nDescription=a\n"),
        ("flag-reset", "[Unit]\nRefuseManualStart=yes\nRefuseManualStart=\nDescription=a\n"),
        ("flag-nonsense", "[Unit]\nRefuseManualStart=yes\nRefuseManualStart=maybe\nDescription=a\n"),
        ("documents", "[Unit]\nDocumentation=man:a(1) \\\n  man:b(1)\nDocumentation=man:c(1)\n"),
        ("documents-reset", "[Unit]\nDocumentation=man:a(1)\nDocumentation=\nDocumentation=man:c(1)\n"),
        ("long", "[Unit]\nDescription=" + String(repeating: "x", count: 5000) + "\n"),
        ("long-continued", "[Unit]\nDescription=" + String(repeating: "x\\\n", count: 3000) + "y\n"),
    ]

    /// Names on which `%p` and its like differ from one another.
    private static func name(_ text: String) -> UnitName { UnitName(unchecked: "text\\x2d-\(text)@a-b\\x2fc.service") }

    private struct View: Equatable {
        var description: String
        var documents: [String]
        var flags: [String]
    }

    private static let flagNames = ["RefuseManualStart", "RefuseManualStop"]

    private static func ours(_ file: UnitFile, as name: UnitName) -> View {
        let description = file.description(of: name)
        return View(
            // systemd shows a unit without description by its name.
            description: description.isEmpty ? name.rawValue : description,
            documents: file.effectiveValues(section: "Unit", name: "Documentation")
                .flatMap { $0.split(separator: " ").map(String.init) },
            flags: flagNames.map { file.flag(section: "Unit", name: $0) == true ? "yes" : "no" })
    }

    private static func theirs(_ fields: [String: String]) -> View {
        View(
            description: fields["Description"] ?? "",
            // systemctl puts words with brackets in quotes.
            documents: (fields["Documentation"] ?? "").replacing("\"", with: "").split(separator: " ").map(String.init),
            flags: flagNames.map { fields[$0] ?? "" })
    }

    /// What systemd says of units, by their ids.
    private func shown(_ names: [UnitName], on machine: NspawnMachine) async throws -> [String: [String: String]] {
        let properties = ["Id", "Description", "Documentation", "FragmentPath", "DropInPaths"] + Self.flagNames
        var found: [String: [String: String]] = [:]
        for start in stride(from: 0, to: names.count, by: 50) {
            let part = names[start..<min(start + 50, names.count)].map { "'\($0.rawValue)'" }.joined(separator: " ")
            let command = "systemctl show -p \(properties.joined(separator: ",")) -- \(part)"
            let output = try await machine.run("/bin/sh", "-c", command)
            try #require(output.status == 0, "\(output.text.suffix(500))")
            for block in output.text.components(separatedBy: "\n\n") {
                var fields: [String: String] = [:]
                for line in block.utf8.split(separator: UInt8(ascii: "\n")) {
                    let sides = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                    guard sides.count == 2 else { continue }
                    fields[String(decoding: sides[0], as: UTF8.self)] = String(decoding: sides[1], as: UTF8.self)
                }
                if let id = fields["Id"] { found[id] = fields }
            }
        }
        return found
    }

    @Test("every rule of the syntax gives the values that systemd gives")
    func syntax() async throws {
        try await NspawnMachine.with { machine in
            let service = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
            for (name, text) in Self.texts {
                // What the text leaves open would swallow a section in the same file.
                let path = "/run/systemd/system/\(Self.name(name))"
                try machine.write(text, to: path)
                try await machine.run("mkdir", "-p", path + ".d")
                try machine.write(service, to: path + ".d/service.conf")
            }
            try await machine.run("systemctl", "daemon-reload")
            let shown = try await shown(Self.texts.map { Self.name($0.name) }, on: machine)
            for (text, content) in Self.texts {
                let name = Self.name(text)
                let fields = try #require(shown[name.rawValue], "systemd does not know \(name)")
                let file = try UnitFile(parsing: content)
                #expect(Self.ours(file, as: name) == Self.theirs(fields), "\(text)")
            }
        }
    }

    @Test("every unit file of this Debian is read, and gives the values that systemd gives")
    func debian() async throws {
        let folder = "/lib/systemd/system"
        var files: [UnitName: UnitFile] = [:]
        for entry in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            let path = "\(folder)/\(entry)"
            let type = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            guard type == .typeRegular, var name = try? UnitName(validating: entry) else { continue }
            if name.isTemplate { name = try name.instance("a-b") }
            let bytes = try #require(FileManager.default.contents(atPath: path))
            files[name] = try UnitFile(parsing: try #require(String(validating: bytes, as: UTF8.self)))
        }
        let names = files.keys.sorted()
        try await NspawnMachine.with { machine in
            let shown = try await shown(names, on: machine)
            var compared = 0
            for name in names {
                // Another file than this one, or settings from elsewhere, say nothing of the reader.
                guard let file = files[name], let fields = shown[name.rawValue], fields["DropInPaths"]?.isEmpty ?? true,
                    let path = fields["FragmentPath"], path.hasSuffix("/systemd/system/\(name.template ?? name)"),
                    path.hasPrefix("/lib/") || path.hasPrefix("/usr/lib/"),
                    name.systemdText(file.effectiveValues(section: "Unit", name: "Description").last ?? "").isComplete
                else { continue }
                compared += 1
                #expect(Self.ours(file, as: name) == Self.theirs(fields), "\(name)")
            }
            #expect(compared >= 120, "only \(compared) of \(names.count) files of this Debian were compared")
        }
    }
}
