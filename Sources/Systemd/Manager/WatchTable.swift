// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Rules by which a broker passes signals on.
enum MatchRule {
    private static let fromManager = "type='signal',sender='org.freedesktop.systemd1'"

    /// Those that hold for the whole connection.
    static let always = [
        "\(fromManager),path='/org/freedesktop/systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
        "\(fromManager),path='/org/freedesktop/systemd1',interface='org.freedesktop.systemd1.Manager',member='Reloading'",
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
            + "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.systemd1'",
    ]

    private static let changes =
        "\(fromManager),interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'"

    static func unit(_ name: String) -> String { "\(changes),path='\(UnitPath.path(of: name))'" }
    static let everyUnit = "\(changes),path_namespace='/org/freedesktop/systemd1/unit'"
}

/// How a run ended.
///
/// systemd itself forgets it with a unit that nothing needs any more: at once for one that is only linked and whose
/// `ExecCondition=` was not met, or that has failed and says `CollectMode=inactive-or-failed`.
struct RunEnd: Hashable, Sendable {
    /// The properties of the type's interface that tell it; each is part of every signal that the interface sends.
    static let properties: Set<String> = ["Result", "ExecMainCode", "ExecMainStatus"]

    var result: String?
    var exit: StartReport.Exit?

    var hasFailed: Bool { result ?? "success" != "success" }

    init(_ values: [String: BusValue]) {
        result = values["Result"]?.text
        exit = StartReport.Exit(code: values["ExecMainCode"]?.signed, status: values["ExecMainStatus"]?.signed)
    }
}

/// The units that are watched, what is known of them, and the broker's rules that bring their changes.
struct WatchTable {
    /// Above this many rules one rule for all units takes their place.
    ///
    /// dbus-daemon refuses the 513th rule of a connection by default (`max_match_rules_per_connection`).
    static let mostRules = 400

    /// The last status of each watched unit; `nil` until systemd has told it.
    private var status: [String: UnitStatus?] = [:]
    private var rules: Set<String> = []
    /// How the last run of each watched unit ended, by systemd's signals.
    private var ends: [String: RunEnd] = [:]
    /// The same at the end of each unit's last job.
    private var jobEnds: [String: RunEnd] = [:]

    var names: [String] { Array(status.keys) }

    func watches(_ name: String) -> Bool { status[name] != nil }

    mutating func add(_ names: [String]) {
        for name in names where status[name] == nil { status[name] = .some(nil) }
    }

    mutating func remove(_ names: [String]) {
        for name in names {
            status.removeValue(forKey: name)
            ends.removeValue(forKey: name)
            jobEnds.removeValue(forKey: name)
        }
    }

    func known(_ name: String) -> UnitStatus? { status[name] ?? nil }

    /// Stores a status; answers whether it is news.
    mutating func update(_ new: UnitStatus) -> Bool {
        guard let old = status[new.name] else { return false }
        var comparable = new
        // The type of a job is only known from listings; its absence is no change.
        if let id = new.job?.id, new.job?.type == nil, id == old?.job?.id { comparable.job = old?.job }
        status[new.name] = comparable
        return !Self.isSame(old, comparable)
    }

    private static func isSame(_ left: UnitStatus?, _ right: UnitStatus) -> Bool {
        guard var left else { return false }
        if left.job?.id == right.job?.id { left.job = right.job }
        return left == right
    }

    /// How the run ended that a job with such a result is about; `nil` while no signal has told of any.
    ///
    /// Whatever needs the unit may have it started again in the moment in which it fails, and systemd then knows of that new run alone.
    func end(of name: String, after result: JobResult) -> RunEnd? {
        let last = ends[name]
        guard result != .done, result != .skipped, last?.hasFailed != true, let end = jobEnds[name], end.hasFailed
        else { return last }
        return end
    }

    mutating func update(_ name: String, _ end: RunEnd) {
        ends[name] = end
        // A run that goes on has no exit: this one went well, or somebody has reset the failure.
        if !end.hasFailed, end.exit != nil { jobEnds.removeValue(forKey: name) }
    }

    /// A job of the unit is gone; systemd tells what changed with it before that (systemd 252, bus_job_send_removed_signal).
    mutating func jobRemoved(_ name: String) { jobEnds[name] = ends[name] }

    /// A new connection knows no rules, and what was told meanwhile was not heard.
    mutating func connectionChanged() {
        rules = []
        ends = [:]
        jobEnds = [:]
    }

    /// What to add to and remove from the broker's rules; additions go first, so that no change falls in between.
    mutating func ruleChanges() -> (add: [String], remove: [String]) {
        var wanted = Set<String>()
        // Going back to single rules only well below the limit keeps a fleet at the limit from flapping.
        let limit = rules.contains(MatchRule.everyUnit) ? Self.mostRules / 2 : Self.mostRules
        if status.count > limit {
            wanted = [MatchRule.everyUnit]
        } else {
            for name in status.keys { wanted.insert(MatchRule.unit(name)) }
        }
        let changes = (add: wanted.subtracting(rules).sorted(), remove: rules.subtracting(wanted).sorted())
        rules = wanted
        return changes
    }
}
