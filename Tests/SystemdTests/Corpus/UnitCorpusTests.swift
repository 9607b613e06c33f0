// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import TestSupport
import Testing

/// What our reader makes of many unit files, beside what the real systemd makes of them.
@Suite("A corpus of unit files as the real systemd reads them", .serialized, .timeLimit(.minutes(5)))
struct UnitCorpusTests {
    /// One file, and the unit that systemd loads it as.
    private struct Sample {
        var label: String
        var name: UnitName
        var text: String
        var isDebian = false
    }

    /// A difference between our reader and systemd that changes nothing for us.
    private struct Accepted {
        var file: String
        var property: String
        var why: String
    }

    private static let accepted: [Accepted] = [
        Accepted(file: "set-type-bus", property: "Requires", why: "BusName= brings dbus.socket along"),
        Accepted(file: "set-type-bus", property: "After", why: "BusName= brings dbus.socket along"),
        Accepted(file: "set-folder", property: "After", why: "WorkingDirectory= brings its mount along"),
        Accepted(file: "rkt-pod.service", property: "Requires", why: "Slice= brings its slice along"),
        Accepted(file: "rkt-pod.service", property: "After", why: "Slice= brings its slice along"),
        Accepted(
            file: "nightly.timer", property: "After", why: "OnCalendar= waits for the clock, Persistent= for its file"),
        Accepted(file: "every.timer", property: "Before", why: "Unit= comes after its timer"),
        Accepted(file: "on-comment.timer", property: "Before", why: "Unit= comes after its timer"),
        Accepted(file: "on-path.path", property: "Before", why: "Unit= comes after its path"),
        Accepted(file: "on-path.path", property: "After", why: "what is watched brings its mount along"),
        Accepted(file: "spool.path", property: "After", why: "what is watched brings its mount along"),
        Accepted(file: "on-port.socket", property: "After", why: "ListenStream= of a file brings its mount along"),
        Accepted(file: "on-reset.socket", property: "After", why: "ListenFIFO= brings its mount along"),
    ]

    /// Links that are made though this systemd makes none.
    private static let acceptedLinks = [
        Accepted(
            file: "in-upheld.service", property: "a.target.upholds/in-upheld.service",
            why: "systemd 254 and later know UpheldBy=; an earlier one never looks into the folder")
    ]

    /// What systemd gives a unit by itself, whatever its file says.
    private static func implied(_ name: UnitName) -> [String: Set<String>] {
        var slice = "system.slice"
        if name.instance != nil {
            let escaped = name.prefix.replacing("\\", with: "\\x5c").replacing("-", with: "\\x2d")
            slice = "system-\(escaped).slice"
        }
        let early: Set = ["sysinit.target"]
        var found: [String: Set<String>] = ["Conflicts": ["shutdown.target"], "Before": ["shutdown.target"]]
        switch name.type {
        case .service:
            found["Requires"] = early.union([slice])
            found["After"] = early.union(["basic.target", "systemd-journald.socket", slice])
        case .timer:
            found["Requires"] = early
            found["After"] = early
            found["Before"]?.formUnion(["timers.target", "\(name.withoutType).service"])
        case .socket:
            found["Requires"] = early.union([slice])
            found["After"] = early.union([slice])
            found["Before"]?.formUnion(["sockets.target", "\(name.withoutType).service"])
        case .path:
            found["Requires"] = early
            found["After"] = early
            found["Before"]?.formUnion(["paths.target", "\(name.withoutType).service"])
        case .mount:
            found["Conflicts"] = ["umount.target"]
            found["Before"] = ["local-fs.target", "umount.target"]
            found["Requires"] = [slice]
            found["After"] = ["-.mount", "local-fs-pre.target", "systemd-journald.socket", slice]
        default: break
        }
        return found
    }

    /// Letters of the specifiers that a machine decides on.
    private static let letters = "aAbBCEghHlLmMoqsStTuUvVwWG"

    private static func samples() throws -> [Sample] {
        var samples: [Sample] = []
        for (label, text) in RunTexts.rows {
            samples.append(
                Sample(label: label, name: UnitName(unchecked: "my\\x2d\(label)@a-b\\x2fc.service"), text: text))
        }
        for (label, text) in FleetTexts.rows + RunTexts.others {
            var name = UnitName(unchecked: label)
            if name.isTemplate { name = try name.instance("a-b") }
            samples.append(Sample(label: label, name: name, text: text))
        }
        for folder in ["/lib/systemd/system", "/usr/lib/systemd/user"] {
            let isUser = folder.hasSuffix("user")
            for (entry, text) in try debianTexts(folder) {
                guard let kind = UnitName(unchecked: entry).type else { continue }
                // By a name of its own nothing but this file decides. Types whose names mean something keep theirs.
                let isFree = [.service, .socket, .timer, .target, .path].contains(kind)
                guard isFree || !isUser else { continue }
                var name = UnitName(unchecked: isFree ? (isUser ? "debian-user-" : "debian-") + entry : entry)
                if name.isTemplate { name = try name.instance("a-b") }
                samples.append(Sample(label: "\(folder)/\(entry)", name: name, text: text, isDebian: true))
            }
        }
        return samples
    }

    /// What the machine's specifiers stand for.
    private static func specifiers(of machine: NspawnMachine) async throws -> [Character: String] {
        let text = letters.map { "Environment=\"\($0)=%\($0)\"\n" }.joined()
        try machine.write("[Service]\nExecStart=/bin/true\n" + text, to: "/run/systemd/system/probe.service")
        let output = try await machine.run("systemctl", "show", "--property=Environment", "--value", "probe.service")
        var found: [Character: String] = [:]
        for word in SystemdWords.list(output.text, .strict) {
            if let letter = word.first { found[letter] = String(word.dropFirst(2)) }
        }
        return found
    }

    @Test("every file gives what systemd runs, when and how, and loses nothing of its text")
    func readings() async throws {
        let samples = try Self.samples()
        var differences: [(key: String, text: String)] = []
        try await NspawnMachine.with { machine in
            for sample in samples {
                try machine.write(sample.text, to: "/run/systemd/system/\(sample.name.template ?? sample.name)")
            }
            let specifiers = try await Self.specifiers(of: machine)
            try await machine.run("systemctl", "daemon-reload")
            let aliases = try await Self.aliases(on: machine)
            let shown = try await ShownUnit.all(samples.map(\.name), on: machine)
            for sample in samples {
                let theirs = try #require(shown[sample.name])
                let file = try UnitFile(parsing: sample.text)
                #expect(file.text.utf8.elementsEqual(sample.text.utf8), "\(sample.label)")
                let reading = UnitReading(file: file, name: sample.name, machine: specifiers)
                let implied = Self.implied(sample.name)
                func differ(_ property: String, _ ours: String, _ theirs: String) {
                    differences.append(("\(sample.label) \(property)", "we read '\(ours)', systemd '\(theirs)'"))
                }
                for (property, value) in reading.properties().sorted(by: { $0.key < $1.key })
                where theirs.properties[property] != value {
                    differ(property, value, theirs.properties[property] ?? "(nothing)")
                }
                for setting in UnitReading.dependencyNames {
                    let ours = Set(reading.dependencies(setting).map { aliases[$0] ?? $0 })
                    let theirs = theirs.dependencies[setting, default: []]
                    let missing = ours.subtracting(theirs)
                    if !missing.isEmpty { differ(setting, missing.sorted().description, "none of them") }
                    // Debian's files are full of settings that imply others.
                    let extra =
                        sample.isDebian ? [] : theirs.subtracting(ours).subtracting(implied[setting, default: []])
                    if !extra.isEmpty { differ(setting, "none of them", extra.sorted().description) }
                }
            }
        }
        let expected = Set(Self.accepted.map { "\($0.file) \($0.property)" })
        for (key, text) in differences where !expected.contains(key) { Issue.record("\(key): \(text)") }
        let gone = expected.subtracting(differences.map(\.key)).sorted()
        #expect(gone.isEmpty, "no differences any more; take them out of the list")
        print("files compared: \(samples.count), of them Debian's: \(samples.count { $0.isDebian })")
        #expect(samples.count >= 200)
        #expect(FleetTexts.rows.count >= 40)
        #expect(samples.count { $0.isDebian } >= 120)
    }

    /// The units of the machine by the further names that they have there.
    private static func aliases(on machine: NspawnMachine) async throws -> [String: String] {
        let names = (0...6).map { "runlevel\($0).target" } + ["default.target"]
        var found: [String: String] = [:]
        for name in names {
            let output = try await machine.run("systemctl", "show", "--property=Id", "--value", name)
            found[name] = output.text.split(separator: "\n").first.map { String($0) }
        }
        return found
    }

    @Test("fleet's section is read as systemd would read it")
    func fleetSections() async throws {
        var samples: [(label: String, option: String, file: UnitFile, name: UnitName, text: String)] = []
        for (label, text) in FleetTexts.rows {
            for (option, twin) in FleetTexts.twins(of: text) {
                let name = UnitName(unchecked: "twin\(samples.count).service")
                samples.append((label, option, try UnitFile(parsing: text), name, twin))
            }
        }
        #expect(samples.count >= 50)
        try await NspawnMachine.with { machine in
            for sample in samples {
                let path = "/run/systemd/system/\(sample.name)"
                try machine.write(sample.text, to: path)
                try machine.write("[Service]\nExecStart=/bin/true\n", to: path + ".d/service.conf")
            }
            let shown = try await ShownUnit.all(samples.map(\.name), on: machine)
            for sample in samples {
                let ours = sample.file.effectiveValues(section: "X-Fleet", name: sample.option).last
                #expect(
                    shown[sample.name]?.properties["Description"] == ours ?? sample.name.rawValue,
                    "\(sample.label): \(sample.option)")
            }
        }
    }

    @Test("[Install] sections give the links that systemctl makes")
    func installs() async throws {
        var samples = RunTexts.installs.map { ($0.name, $0.name, $0.text) }
        for (entry, text) in try Self.debianTexts("/lib/systemd/system") where text.contains("[Install]") {
            samples.append((entry, entry, text))
        }
        let root = "/run/root"
        try await NspawnMachine.with { machine in
            var script = "cd \(root)\n"
            var names: [UnitName] = []
            for (_, entry, text) in samples {
                var name = UnitName(unchecked: entry)
                try machine.write(text, to: "\(root)/usr/lib/systemd/system/\(entry)")
                if name.isTemplate { name = try name.instance("a-b") }
                names.append(name)
                script +=
                    "systemctl --quiet --root=\(root) enable '\(name.rawValue.replacing("\\", with: "\\\\"))' 2>/dev/null\n"
                    + "mkdir -p etc; find etc -type l -printf '\(names.count - 1) %P %l\\n'; rm -rf etc\n"
            }
            try machine.write(script, to: "/run/corpus/enable")
            let output = try await machine.run("/bin/sh", "/run/corpus/enable")
            var links: [Int: Set<String>] = [:]
            for line in output.text.split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard words.count == 3, let number = Int(words[0]), names.indices.contains(number) else {
                    Issue.record("systemctl says: \(line)")
                    continue
                }
                let file = names[number].template ?? names[number]
                // What `Also=` brings along is other units' own.
                guard words[2].hasSuffix("/\(file)") else { continue }
                links[number, default: []].insert(words[1].replacing("systemd/system/", with: ""))
            }
            for (number, (label, _, text)) in samples.enumerated() {
                let section = InstallSection(of: try UnitFile(parsing: text), for: names[number])
                let ours = Set(section.dependents + section.aliases.map(\.rawValue))
                let theirs = links[number, default: []]
                let extra = ours.subtracting(theirs)
                #expect(theirs.subtracting(ours).isEmpty, "\(label)")
                #expect(extra == Set(Self.acceptedLinks.filter { $0.file == label }.map(\.property)), "\(label)")
            }
            #expect(samples.count >= 50)
        }
    }

    @Test("an alias is a further name of the unit once it is linked as the agent links it")
    func aliasLinks() async throws {
        try await NspawnMachine.with { machine in
            var units: [(name: UnitName, aliases: [UnitName])] = []
            for (entry, text) in RunTexts.installs {
                var name = UnitName(unchecked: entry)
                if name.isTemplate { name = try name.instance("a-b") }
                let aliases = InstallSection(of: try UnitFile(parsing: text), for: name).aliases
                units.append((name, aliases))
                try machine.write(text, to: "/run/flotilla/units/\(name)")
                let links = [("/run/flotilla/units/\(name)", name)] + aliases.map { (name.rawValue, $0) }
                for (target, link) in links {
                    try await machine.run("ln", "-s", target, "/run/systemd/system/\(link)")
                }
            }
            try await machine.run("systemctl", "daemon-reload")
            for (name, aliases) in units {
                let shown = try await machine.run(
                    "systemctl", "show", "--property=Names", "--value", "--", name.rawValue)
                let names = Set(SystemdWords.list(shown.text, .strict))
                #expect(names == Set([name.rawValue] + aliases.map(\.rawValue)))
            }
        }
    }

    /// The unit files of a folder of this Debian, by their names.
    private static func debianTexts(_ folder: String) throws -> [(name: String, text: String)] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().compactMap { entry in
            let path = "\(folder)/\(entry)"
            let type = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            guard type == .typeRegular, (try? UnitName(validating: entry)) != nil else { return nil }
            let bytes = try #require(FileManager.default.contents(atPath: path))
            return (entry, try #require(String(validating: bytes, as: UTF8.self)))
        }
    }
}
