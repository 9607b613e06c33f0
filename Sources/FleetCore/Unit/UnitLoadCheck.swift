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
        guard file.hasSection(type.section) else {
            return [problem("there is no section [\(type.section)]")]
        }
        let check = UnitLoadCheck(file: file, name: name)
        switch type {
        case .service: return check.service() + check.commands()
        case .mount: return check.mount()
        case .automount: return check.place(in: "Automount")
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
        let last = file.entries.last { $0.option.section == section && names.contains($0.option.name) }
        return last?.value.isEmpty == false ? [] : [Self.problem("[\(section)] has no \(words)")]
    }

    // MARK: Services

    private func service() -> [UnitSubmission.Problem] {
        func values(_ setting: String) -> [String] { file.effectiveValues(section: "Service", name: setting) }
        let starts = values("ExecStart")
        let hasBusName = !values("BusName").isEmpty
        let actions = [
            "none", "reboot", "reboot-force", "reboot-immediate", "poweroff", "poweroff-force", "poweroff-immediate",
            "exit",
            "exit-force",
        ]
        let acts = file.word(section: "Unit", name: "SuccessAction", among: actions).map { $0 != "none" } ?? false
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
        return file.entries.compactMap { entry in
            guard entry.option.section == "Service", settings.contains(entry.option.name),
                let word = UnitText.words(of: entry.value).first
            else { return nil }
            let prefixes = word.prefix { "-@:+!".contains($0) }
            let program = word.dropFirst(prefixes.count)
            // Whoever writes "-" is told in systemd's log only; what a machine fills in, nobody knows here.
            guard !prefixes.contains("-"), !program.contains("%"), program.contains("/"), !program.hasPrefix("/") else {
                return nil
            }
            return Self.problem(
                "\(entry.option.name)=\(word) names its program neither by name nor by a path from /", line: entry.line)
        }
    }

    // MARK: Mounts

    private func mount() -> [UnitSubmission.Problem] {
        let what = file.effectiveValues(section: "Mount", name: "What").isEmpty
        return (what ? [Self.problem("[Mount] has no What=")] : []) + place(in: "Mount")
    }

    /// `Where=`, where it is written, is what the unit's name says.
    private func place(in section: String) -> [UnitSubmission.Problem] {
        guard let text = file.effectiveValues(section: section, name: "Where").last else { return [] }
        let (path, isComplete) = name.systemdText(text)
        let named = name.systemdText("%f").text
        func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
        guard isComplete, parts(path) != parts(named) else { return [] }
        return [
            Self.problem(
                "\(name) stands for the folder \(named), and Where= is another", line: line(of: "Where", in: section))
        ]
    }
}

extension UnitType {
    /// The section named after the type.
    package var section: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }

    /// Whether a unit of the type is nothing without its own section.
    fileprivate var needsSection: Bool {
        switch self {
        case .service, .socket, .timer, .path, .mount, .automount, .swap: true
        default: false
        }
    }
}
