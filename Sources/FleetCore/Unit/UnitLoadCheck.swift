// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// For what systemd 252 refuses to load a unit of its type, as far as the unit's own file decides it.
///
/// A machine's drop-ins may bring what is missing, so that these are predictions: 'verify' tells them, and no submission is refused
/// for them.
///
/// - Source: systemd 252, `service_verify`, `mount_verify` and their like: what they log with "Refusing".
package struct UnitLoadCheck {
    private let file: UnitFile
    private let name: UnitName

    /// What is missing or wrong in the file of the unit `name`.
    package static func problems(in file: UnitFile, of name: UnitName) -> [UnitSubmission.Problem] {
        guard let type = name.type, type.needsSection else { return [] }
        let check = UnitLoadCheck(file: file, name: name)
        guard file.hasSection(type.section) || type == .service && check.acts else {
            return [problem("there is no section [\(type.section)]")]
        }
        switch type {
        case .service: return check.service() + check.commands()
        case .mount: return check.mount()
        case .automount: return check.place(in: "Automount")
        case .swap: return check.place(in: "Swap", "What")
        case .timer:
            let names = [
                "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar",
            ]
            let followsClock = ["OnClockChange", "OnTimezoneChange"].contains {
                file.flag(section: "Timer", name: $0) == true
            }
            return followsClock ? [] : check.anyOf(names, in: "Timer", called: "OnCalendar=, OnBootSec= or its like")
        case .path:
            let names = ["PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty"]
            return check.anyOf(names, in: "Path", called: "PathExists=, PathChanged= or its like")
        case .socket:
            let names = [
                "ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenNetlink",
                "ListenSpecial",
                "ListenMessageQueue", "ListenUSBFunction",
            ]
            return check.anyOf(names, in: "Socket", called: "ListenStream= or its like")
        default: return []
        }
    }

    private static func problem(_ words: String, line: Int? = nil) -> UnitSubmission.Problem {
        UnitSubmission.Problem(line: line, "\(words), so systemd would refuse the unit")
    }

    private func line(of setting: String, in section: String) -> Int? {
        file.entries.last { $0.option.section == section && $0.option.name == setting }?.line
    }

    /// At least one of settings whose empty assignment takes back all of them.
    private func anyOf(_ names: [String], in section: String, called words: String) -> [UnitSubmission.Problem] {
        // A path that does not begin at the root is passed over.
        let last = file.entries.last { entry in
            let isPassedOver =
                section == "Path" && !entry.value.isEmpty && !entry.value.hasPrefix("/") && !entry.value.contains("%")
            return entry.option.section == section && names.contains(entry.option.name) && !isPassedOver
        }
        return last?.value.isEmpty == false ? [] : [Self.problem("[\(section)] has no \(words)")]
    }

    // MARK: Services

    /// Whether the unit is there for what follows its end, so that it needs no program.
    private var acts: Bool {
        let actions = [
            "none", "reboot", "reboot-force", "reboot-immediate", "poweroff", "poweroff-force", "poweroff-immediate",
            "exit", "exit-force",
        ]
        return file.word(section: "Unit", name: "SuccessAction", among: actions).map { $0 != "none" } ?? false
    }

    private func service() -> [UnitSubmission.Problem] {
        func values(_ setting: String) -> [String] { file.effectiveValues(section: "Service", name: setting) }
        // A line may hold several commands; one without a program counts for nothing.
        let starts = values("ExecStart").flatMap { Self.commands(in: $0) }.filter { !$0.program.isEmpty }
        let hasBusName = !values("BusName").isEmpty
        let type = RunPolicy.type(of: file) ?? (hasBusName ? "dbus" : starts.isEmpty ? "oneshot" : "simple")
        var found: [UnitSubmission.Problem] = []
        if starts.isEmpty, !acts {
            if values("ExecStop").isEmpty {
                return [Self.problem("[Service] has no ExecStart=")]
            }
            if type != "oneshot" {
                found.append(Self.problem("[Service] has no ExecStart=, which Type=oneshot alone may do without"))
            } else if file.flag(section: "Service", name: "RemainAfterExit") != true {
                found.append(Self.problem("[Service] has neither ExecStart= nor RemainAfterExit=yes"))
            }
        }
        if starts.count > 1, type != "oneshot" {
            found.append(
                Self.problem(
                    "[Service] has \(starts.count) ExecStart=, which Type=oneshot alone may have",
                    line: line(of: "ExecStart", in: "Service")))
        }
        let restart = RunPolicy.restart(of: file)
        if type == "oneshot", ["always", "on-success"].contains(restart) {
            found.append(
                Self.problem(
                    "Restart=\(restart) does not go with Type=oneshot", line: line(of: "Restart", in: "Service")))
        }
        let killing = file.word(
            section: "Service", name: "KillMode", among: ["control-group", "mixed", "process", "none"])
        if !values("PAMName").isEmpty, killing == "process" || killing == "none" {
            found.append(
                Self.problem(
                    "PAMName= does not go with KillMode=\(killing ?? "")", line: line(of: "KillMode", in: "Service")))
        }
        if type == "dbus", !hasBusName {
            found.append(Self.problem("Type=dbus needs a BusName=", line: line(of: "Type", in: "Service")))
        }
        if type == "oneshot",
            file.word(section: "Service", name: "ExitType", among: ["main", "cgroup"]) == "cgroup"
        {
            found.append(
                Self.problem(
                    "ExitType=cgroup does not go with Type=\(type)", line: line(of: "ExitType", in: "Service")))
        }
        return found
    }

    /// Programs that are neither a name nor an absolute path.
    private func commands() -> [UnitSubmission.Problem] {
        let settings = [
            "ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost",
        ]
        return file.entries.filter { $0.option.section == "Service" && settings.contains($0.option.name) }.flatMap {
            entry in
            Self.commands(in: entry.value).compactMap { command -> UnitSubmission.Problem? in
                let (prefixes, program) = (command.prefixes, command.program)
                // Whoever writes "-" is told in systemd's log only; what a machine fills in, nobody knows here.
                guard !prefixes.contains("-"), !program.contains("%"), !program.isEmpty else { return nil }
                let setting = "\(entry.option.name)=\(prefixes)\(program)"
                if prefixes.contains("@"), command.arguments == 0 {
                    return Self.problem("\(setting) has no name for its program, which @ asks for", line: entry.line)
                }
                guard program.contains("/"), !program.hasPrefix("/") else { return nil }
                return Self.problem(
                    "\(setting) names its program neither by name nor by a path from /", line: entry.line)
            }
        }
    }

    /// The commands of one line: `;` as a word of its own parts them.
    private static func commands(in value: String) -> [(prefixes: Substring, program: Substring, arguments: Int)] {
        UnitText.words(of: value).split(separator: ";").compactMap { words in
            guard let first = words.first else { return nil }
            let prefixes = first.prefix { "-@:+!".contains($0) }
            return (prefixes, first.dropFirst(prefixes.count), words.count - 1)
        }
    }

    // MARK: Mounts

    private func mount() -> [UnitSubmission.Problem] {
        let what = file.effectiveValues(section: "Mount", name: "What").isEmpty
        return (what ? [Self.problem("[Mount] has no What=")] : []) + place(in: "Mount")
    }

    /// `Where=`, or `What=` of swap space, is what the unit's name says, where it is written.
    private func place(in section: String, _ setting: String = "Where") -> [UnitSubmission.Problem] {
        guard let text = file.effectiveValues(section: section, name: setting).last else { return [] }
        let (path, isComplete) = name.systemdText(text)
        let named = name.systemdText("%f").text
        func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
        // A path with ".." is passed over, and the name holds.
        guard isComplete, path.hasPrefix("/"), !parts(path).contains(".."), parts(path) != parts(named) else {
            return []
        }
        return [
            Self.problem(
                "\(name) stands for \(named), and \(setting)= is another", line: line(of: setting, in: section))
        ]
    }
}

extension UnitType {
    /// The section named after the type.
    package var section: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }

    /// Whether a unit of the type is nothing without its own section.
    var needsSection: Bool {
        switch self {
        case .service, .socket, .timer, .path, .mount, .automount, .swap: true
        default: false
        }
    }
}
