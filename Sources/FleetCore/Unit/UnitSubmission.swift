// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What stands against a unit when somebody submits it: one rule for the API, the command line and `verify`.
///
/// The rule is not applied to what a cluster has stored already: that can always be read, stopped and destroyed.
package enum UnitSubmission {
    /// One thing that is wrong.
    package struct Problem: Hashable, Sendable {
        /// The line of the unit file, from 1, where a single line is at fault.
        package let line: Int?
        /// What is wrong and what to do, in one line, without the line's number.
        package let message: String

        package init(line: Int? = nil, _ message: String) {
            self.line = line
            self.message = message
        }
    }

    /// What is wrong with a unit as a whole, in one line; `nil` when nothing is.
    package static func refusal(of file: UnitFile, as name: UnitName) -> String? {
        let problems = problems(of: name) + problems(of: file, as: name)
        guard !problems.isEmpty else { return nil }
        let shown = problems.prefix(10).map { problem in
            problem.line.map { "line \($0): \(problem.message)" } ?? problem.message
        }
        return shown.joined(separator: "; ") + (problems.count > 10 ? "; and \(problems.count - 10) more" : "")
    }

    /// What is wrong with a name.
    package static func problems(of name: UnitName) -> [Problem] {
        do throws(UnitNameError) {
            _ = try UnitName(validating: name.rawValue)
        } catch {
            return [Problem(error.message)]
        }
        if let why = name.type?.unloadable { return [Problem("\(name) cannot be loaded: \(why)")] }
        if let purpose = MachineUnits.purpose(of: name) {
            return [Problem("the name \(name) belongs to the machine: it is \(purpose); give the unit another name")]
        }
        return []
    }

    /// What is wrong with the file of the unit `name`, in the order of the file, what has no line last.
    package static func problems(of file: UnitFile, as name: UnitName) -> [Problem] {
        // systemd takes a target or a slice that says nothing but what it is.
        let mayBeBare = name.type?.needsSection == false && file.text.contains("[")
        guard !file.entries.isEmpty || mayBeBare else {
            return [
                Problem(
                    "the file sets nothing; a service, for one, needs [Service] and in it ExecStart=/PATH/OF/PROGRAM")
            ]
        }
        var problems = file.entries.filter { UnitText.continues($0.value[...]) }.map { entry in
            Problem(
                line: entry.lastLine,
                "the backslash at the end of \(entry.option.name)= continues nothing, for a blank follows it; remove the blank"
            )
        }
        problems += driving(file, name)
        problems += stopping(file, by: name)
        problems += required(file, by: name)
        problems += ties(of: file, as: name)
        problems += aliases(file, name)
        for problem in SchedulingOptions.problems(of: file, for: name) {
            problems.append(Problem(line: problem.line, problem.text))
        }
        return problems.enumerated()
            .sorted { ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset) }.map(\.element)
    }

    /// Settings by which systemd refuses what Flotilla has to do with a unit, or can do it on no machine.
    private static func driving(_ file: UnitFile, _ name: UnitName) -> [Problem] {
        var problems: [Problem] = []
        func complain(_ section: String, _ setting: String, _ message: String) {
            guard file.flag(section: section, name: setting) == true else { return }
            let line = file.entries.last { $0.option.section == section && $0.option.name == setting }?.line
            problems.append(Problem(line: line, "\(setting)=yes: \(message)"))
        }
        complain(
            "Unit", "RefuseManualStart",
            "systemd refuses to start such a unit but for another unit's sake, so Flotilla cannot")
        complain(
            "Unit", "RefuseManualStop",
            "systemd refuses to stop such a unit but for another unit's sake, so Flotilla cannot")
        if name.type == .socket {
            complain(
                "Socket", "Accept",
                "for each connection systemd starts an instance of \(name.prefix)@.service, which Flotilla does not bring to "
                    + "the machine; write Accept=no and let \(name.withoutType).service take the connections")
        }
        return problems
    }

    /// Settings by which the start or the end of the unit would take the machine's own units along, or Flotilla's (rule R12).
    private static func stopping(_ file: UnitFile, by unit: UnitName) -> [Problem] {
        var problems: [Problem] = []
        for entry in file.entries where entry.option.section == "Unit" {
            let option = entry.option.name
            let isIsolating =
                switch option {
                case "OnFailureJobMode", "OnSuccessJobMode": entry.value == "isolate"
                // The former name of the first one, which systemd still reads.
                case "OnFailureIsolate": file.flag(section: "Unit", name: option) == true
                default: false
                }
            if isIsolating {
                problems.append(
                    Problem(
                        line: entry.line,
                        "\(option)=\(entry.value): systemd would stop every other unit of the machine, Flotilla too"))
            }
            guard ["Conflicts", "PropagatesStopTo"].contains(option) else { continue }
            for name in names(in: entry.value, of: unit) {
                guard let purpose = MachineUnits.vitalPurpose(of: name) else { continue }
                problems.append(
                    Problem(
                        line: entry.line,
                        "\(option)=\(name): the unit would stop what the machine needs, for \(name) is \(purpose); remove it"
                    ))
            }
        }
        return problems
    }

    /// The units that a setting of `unit` names, as systemd reads them: without quotes, and with what specifiers stand for.
    private static func names(in value: String, of unit: UnitName) -> [UnitName] {
        UnitText.unquotedWords(of: value).map { UnitName(unchecked: unit.systemdText($0).text) }
    }

    /// `RequiredBy=` of what the machine needs: systemd ends a unit when one that it requires is stopped (rule R12).
    private static func required(_ file: UnitFile, by unit: UnitName) -> [Problem] {
        file.entries.filter { $0.option.section == "Install" && $0.option.name == "RequiredBy" }.flatMap { entry in
            names(in: entry.value, of: unit).compactMap { name -> Problem? in
                guard let purpose = MachineUnits.vitalPurpose(of: name) else { return nil }
                let advice = MachineUnits.isOwn(name) ? "remove it" : "write WantedBy="
                return Problem(
                    line: entry.line,
                    "RequiredBy=\(name): the end of the unit would end what the machine needs, for \(name) is \(purpose); \(advice)"
                )
            }
        }
    }

    /// Settings that tie a unit to another one.
    private struct Tie: Sendable {
        let section: String
        let settings: [String]
        /// What would come of one to a part of Flotilla.
        let consequence: String

        init(_ section: String, _ settings: [String], _ consequence: String) {
            self.section = section
            self.settings = settings
            self.consequence = consequence
        }
    }

    /// The settings by which a unit could start Flotilla or hold it up, or by which Flotilla's start or end would be the unit's.
    ///
    /// `Conflicts=`, `PropagatesStopTo=` and `RequiredBy=` are refused above. `JoinsNamespaceOf=` and `ReloadPropagatedFrom=` do neither.
    ///
    /// - Source: systemd.unit(5), systemd.timer(5), systemd.path(5), systemd.socket(5). `BindTo`, `RequiresOverridable`,
    ///   `RequisiteOverridable` and `PropagateReloadTo` are former names that systemd 252 still reads (load-fragment-gperf.gperf.in).
    private static let tying: [Tie] = [
        // A start waits for the start of what goes before it, and in either order for a stop.
        Tie(
            "Unit", ["After", "Before"],
            "its start could have to wait for the unit, and the machine's units would be killed meanwhile"),
        Tie(
            "Unit",
            [
                "PartOf", "BindsTo", "BindTo", "Requires", "RequiresOverridable", "Requisite", "RequisiteOverridable",
                "StopPropagatedFrom",
            ], "the unit would be stopped or restarted whenever that is"),
        Tie("Unit", ["Wants", "Upholds", "OnFailure", "OnSuccess"], start),
        Tie("Unit", ["PropagatesReloadTo", "PropagateReloadTo"], "the unit's reload would be its own"),
        // These go before what they start, too.
        Tie("Timer", ["Unit"], start), Tie("Path", ["Unit"], start), Tie("Socket", ["Service"], start),
        Tie("Install", ["WantedBy", "UpheldBy"], "it would start the unit, whatever the cluster wants of that"),
    ]

    private static let start = "the unit would start it, which only the machine itself does"

    /// Settings that tie the unit to a part of Flotilla (rule R12).
    private static func ties(of file: UnitFile, as unit: UnitName) -> [Problem] {
        file.entries.flatMap { entry -> [Problem] in
            let option = entry.option
            let tie = tying.first { $0.section == option.section && $0.settings.contains(option.name) }
            guard let tie else { return [] }
            return names(in: entry.value, of: unit).filter { MachineUnits.isOwn($0) }.map { name in
                Problem(
                    line: entry.line,
                    "\(option.name)=\(name): \(name) is part of Flotilla: \(tie.consequence); remove it")
            }
        }
    }

    private static func aliases(_ file: UnitFile, _ name: UnitName) -> [Problem] {
        guard !name.isTemplate else {
            return file.aliasesOfNoInstance(of: name).map { alias in
                Problem(
                    "Alias=\(alias): systemd gives no instance of \(name) such a name, for \(ownInstance); remove it")
            }
        }
        let possible = file.aliases(of: name)
        return file.namesAsked(of: name).compactMap { alias in
            if let problem = problems(of: alias).first { return Problem("Alias=\(alias): \(problem.message)") }
            if possible.contains(alias) { return nil }
            let why =
                alias.type == name.type
                ? ownInstance : "it is of another type"
            return Problem("Alias=\(alias): systemd gives \(name) no such name, for \(why); remove it")
        }
    }

    private static let ownInstance = "an alias has the unit's own instance, or none where the unit has none"
}
