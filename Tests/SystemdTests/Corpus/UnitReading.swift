// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

@testable import FleetCore

/// What follows from the values that our reader finds in a file, in the words of systemd's properties.
///
/// The reader gives lines and which of them an empty one clears; what systemd makes of a line stands here, setting by setting.
struct UnitReading {
    let file: UnitFile
    let name: UnitName
    /// What the specifiers stand for that only a machine can tell, by their letters.
    let machine: [Character: String]

    static let commandNames = [
        "ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost",
    ]
    static let dependencyNames = [
        "Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Conflicts", "Before", "After", "OnFailure",
    ]

    private static let pathChecks: Set = [
        "PathExists", "PathExistsGlob", "PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint", "PathIsReadWrite",
        "PathIsEncrypted", "DirectoryNotEmpty", "FileNotEmpty", "FileIsExecutable", "NeedsUpdate",
    ]
    private static let textChecks: Set = [
        "Architecture", "Firmware", "Virtualization", "Host", "KernelCommandLine", "KernelVersion", "Security",
        "Capability", "ACPower", "User", "Group", "ControlGroupController", "Environment", "CPUs", "Memory",
        "OSRelease", "Credential", "CPUFeature", "MemoryPressure", "CPUPressure", "IOPressure", "FirstBoot",
    ]

    func expand(_ text: String) -> String {
        var prepared = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            guard character == "%", let letter = rest.popFirst() else {
                prepared.append(character)
                continue
            }
            if let value = machine[letter] {
                prepared += value.replacing("%", with: "%%")
            } else {
                prepared += "%\(letter)"
            }
        }
        return name.systemdText(prepared).text
    }

    private func values(_ setting: String, in section: String = "Service") -> [String] {
        file.effectiveValues(section: section, name: setting)
    }

    /// All assignments of a section's settings in the order of the text, by the names that count.
    private func assignments(
        _ section: String, _ isWanted: (String) -> Bool
    ) -> [(name: String, value: String)] {
        file.entries.filter { $0.option.section == section && isWanted($0.option.name) }.map {
            ($0.option.name, $0.value)
        }
    }

    private func span(_ settings: [String], of sections: [String] = ["Service"], zero: UInt64 = 0) -> UInt64? {
        sections.flatMap { section in assignments(section) { settings.contains($0) } }
            .compactMap { SystemdSpan.parse($0.value) }.last.map { $0 == 0 ? zero : $0 }
    }

    static func simplified(_ path: String) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    /// Of every property that is compared, its value in one line.
    func properties() -> [String: String] {
        var found = ["Description": description()]
        // The words are URIs, parted by blanks.
        found["Documentation"] = values("Documentation", in: "Unit").flatMap { SystemdWords.list($0, .kept) }
            .map(expand).joined(separator: " ")
        for flag in ["RefuseManualStart", "RefuseManualStop"] {
            found[flag] = "\(file.flag(section: "Unit", name: flag) ?? false)"
        }
        for list in ["Condition", "Assert"] { found[list + "s"] = checks(list).sorted().joined(separator: " , ") }
        let own =
            switch name.type {
            case .service: service()
            case .timer: timer()
            case .socket: ["Listen": listen()]
            case .path: path()
            case .mount: ["Where": Self.simplified(values("Where", in: "Mount").last.map(expand) ?? "")]
            default: [String: String]()
            }
        return found.merging(own) { _, new in new }
    }

    /// What our programs show, and systemd for want of a text.
    private func description() -> String {
        let text = values("Description", in: "Unit").last ?? ""
        if text.isEmpty { return name.type == .mount ? values("Where", in: "Mount").last ?? "" : name.rawValue }
        return name.systemdText(text).isComplete ? file.description(of: name) : expand(text)
    }

    private func checks(_ list: String) -> [String] {
        var found: [String] = []
        let known = Self.pathChecks.union(Self.textChecks)
        let wanted = assignments("Unit") { $0.hasPrefix(list) && known.contains(String($0.dropFirst(list.count))) }
        for (setting, value) in wanted {
            guard !value.isEmpty else {
                found = []
                continue
            }
            let isPath = Self.pathChecks.contains(String(setting.dropFirst(list.count)))
            var rest = value[...]
            func take(_ mark: Character) -> Bool {
                guard rest.first == mark else { return false }
                rest = rest.dropFirst()
                // Between the mark and a path there may be none.
                if !isPath { rest = rest.drop { $0 == " " } }
                return true
            }
            let isTrigger = take("|")
            let isNegated = take("!")
            let text = isPath ? Self.simplified(expand(String(rest))) : expand(String(rest))
            guard !isPath || text.hasPrefix("/") else { continue }
            found.append("\(setting)=\(isTrigger ? "|" : "")\(isNegated ? "!" : "")\(text)")
        }
        return found
    }

    private func service() -> [String: String] {
        var found: [String: String] = [:]
        for setting in Self.commandNames {
            found[setting] = values(setting).flatMap { SystemdWords.commands($0, expand) }
                .map { Self.show($0.path, $0.words, $0.ignoresFailure) }.joined(separator: " ; ")
        }
        let usualType = values("BusName").isEmpty ? values("ExecStart").isEmpty ? "oneshot" : "simple" : "dbus"
        let type = RunPolicy.type(of: file) ?? usualType
        found["Type"] = type
        found["Restart"] = RunPolicy.restart(of: file)
        found["RemainAfterExit"] = "\(file.flag(section: "Service", name: "RemainAfterExit") ?? false)"
        // Unlike the others, this one goes back to what is usual.
        let killModes = ["control-group", "process", "mixed", "none"]
        found["KillMode"] = values("KillMode").last { killModes.contains($0) } ?? "control-group"
        found["SendSIGKILL"] = "\(file.flag(section: "Service", name: "SendSIGKILL") ?? true)"
        found["RestartUSec"] = "\(span(["RestartSec"]) ?? 100_000)"
        let usual: UInt64 = type == "oneshot" ? SystemdSpan.infinity : 90_000_000
        found["TimeoutStartUSec"] = "\(span(["TimeoutSec", "TimeoutStartSec"], zero: SystemdSpan.infinity) ?? usual)"
        found["TimeoutStopUSec"] = "\(span(["TimeoutSec", "TimeoutStopSec"], zero: SystemdSpan.infinity) ?? 90_000_000)"
        for setting in ["User", "Group"] { found[setting] = values(setting).last.map(expand) ?? "" }
        found["WorkingDirectory"] = folder()
        found["Environment"] = environment()
        found["EnvironmentFiles"] = values("EnvironmentFile").map { line in
            line.hasPrefix("-")
                ? "-" + Self.simplified(expand(String(line.dropFirst()))) : Self.simplified(expand(line))
        }.joined(separator: " ; ")
        return found
    }

    private func folder() -> String {
        guard let line = values("WorkingDirectory").last else { return "" }
        let isOptional = line.hasPrefix("-")
        let path = isOptional ? String(line.dropFirst()) : line
        return (isOptional ? "!" : "") + (path == "~" ? path : Self.simplified(expand(path)))
    }

    private func environment() -> String {
        var found: [String] = []
        for word in values("Environment").flatMap({ SystemdWords.list($0, .strict) }).map(expand) {
            let name = word.prefix { $0 != "=" }
            // A word without "=" is no assignment, and systemd passes it over.
            guard name.count < word.count, !name.isEmpty, !name.contains(" ") else { continue }
            if let place = found.firstIndex(where: { $0.hasPrefix("\(name)=") }) {
                found[place] = word
            } else {
                found.append(word)
            }
        }
        return found.map { "[\($0)]" }.joined()
    }

    static func show(_ path: String, _ words: [String], _ ignoresFailure: Bool) -> String {
        (ignoresFailure ? "-" : "") + simplified(path) + " " + words.map { "[\($0)]" }.joined()
    }

    /// The units that a setting names, for which no empty line clears anything and quotes are characters like others.
    func dependencies(_ setting: String) -> Set<String> {
        let words = assignments("Unit") { $0 == setting }.flatMap { $0.value.split { " \t\n\r".contains($0) } }
        return Set(words.map { expand(String($0)) }.filter { (try? UnitName(validating: $0)) != nil })
    }

    private func unit(in section: String) -> String {
        // An empty assignment is no name, and clears nothing.
        let names = assignments(section) { $0 == "Unit" }.map { expand($0.value) }
            .filter { (try? UnitName(validating: $0)) != nil }
        return names.last ?? "\(name.withoutType).service"
    }

    /// Assignments of a family in which an empty one clears all before it, of whichever name.
    private func family(_ section: String, _ names: [String]) -> [(name: String, value: String)] {
        let all = assignments(section) { names.contains($0) }
        return Array(all.suffix(all.reversed().prefix { !$0.value.isEmpty }.count))
    }

    private func timer() -> [String: String] {
        let spans = family(
            "Timer", ["OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"])
        let shown = spans.compactMap { setting, value in
            SystemdSpan.parse(value).map { "\(setting.dropLast(3))USec=\($0)" }
        }
        return ["TimersMonotonic": shown.sorted().joined(separator: " "), "Unit": unit(in: "Timer")]
    }

    private func path() -> [String: String] {
        let all = family(
            "Path", ["PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty"])
        let shown = all.map { "\($0)=\(Self.simplified(expand($1)))" }
        return ["Paths": shown.sorted().joined(separator: " "), "Unit": unit(in: "Path")]
    }

    private func listen() -> String {
        let kinds = ["Stream", "Datagram", "SequentialPacket", "FIFO", "Special", "Netlink", "MessageQueue"]
        return family("Socket", kinds.map { "Listen" + $0 }).map { setting, value in
            let text = expand(value)
            let address = text.allSatisfy(\.isNumber) ? "[::]:\(text)" : text
            let isFile = ["ListenFIFO", "ListenSpecial"].contains(setting)
            return "\(setting.dropFirst(6))=\(isFile ? Self.simplified(text) : address)"
        }.joined(separator: " ")
    }
}
