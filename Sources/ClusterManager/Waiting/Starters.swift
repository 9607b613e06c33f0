// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A unit that starts another one on its machine.
struct Starter: Hashable, Sendable {
    let unit: UnitName
    /// The setting by which it does; `nil` for a timer, a socket and their like, whose type says it.
    var setting: String?
    /// Whether it starts the other one again by itself when that has gone down.
    var isLasting = false

    /// How messages name it: `main.service (Upholds=)`.
    var words: String { setting.map { "\(unit) (\($0)=)" } ?? unit.rawValue }
}

/// What starts a unit on its machine beside the cluster.
extension FleetView {
    /// Units that start `unit` where it is: its timer, its socket, its path, and those that want it.
    ///
    /// - Parameter unit: A unit that is on a machine.
    /// - Returns: Those that the view knows and that are launched on the same machine, in the order of their names.
    func starters(of unit: FleetUnit) -> [Starter] {
        let links = unit.dependentSettings
        return sortedUnits.filter { $0.isUp(beside: unit) }.compactMap { other in
            guard let starter = other.starter(of: unit.name, links) else { return nil }
            // What needs a unit starts it with itself: one that is down has not.
            let isDown = unit.machine.flatMap { states[other.name]?[$0] }?.isDown == true
            return isDown && Self.pulling.contains(starter.setting ?? "") ? nil : starter
        }
    }

    /// Settings by which a unit starts another one when it is itself started, and at no other time.
    private static let pulling: Set<String> = ["Wants", "Requires", "BindsTo", "WantedBy", "RequiredBy"]

    /// Whether another unit starts `unit` again, by itself, when it has gone down: a moment later, or at any time.
    func isHeldUp(_ unit: FleetUnit) -> Bool {
        upholders.names(holding: unit.name).contains { name in
            units[UnitName(unchecked: name)]?.isUp(beside: unit) == true
        }
    }
}

extension FleetUnit {
    /// Settings of `[Unit]` by which a unit starts others; systemd goes on with the first as long as the unit is up.
    private static let starting = ["Upholds", "Wants", "Requires", "BindsTo", "OnSuccess", "OnFailure"]
    private static let installing = ["upholds": "UpheldBy", "wants": "WantedBy", "requires": "RequiredBy"]
    private static let upholding: Set<String> = ["Upholds", "UpheldBy"]

    /// Whether it is launched on the machine that has `unit`, and so may start that.
    fileprivate func isUp(beside unit: FleetUnit) -> Bool {
        desired == .launched && name != unit.name && (isGlobal || machine == unit.machine) && !name.isTemplate
    }

    /// The units that the `[Install]` section has start this one, each with the setting that names it.
    fileprivate var dependentSettings: [String: String] {
        var settings: [String: String] = [:]
        // A link `main.service.wants/web.service` has main.service start web.service.
        for link in InstallSection(of: file, for: name).dependents {
            guard let folder = link.split(separator: "/").first, let end = folder.lastIndex(of: "."),
                let setting = Self.installing[String(folder[folder.index(after: end)...])]
            else { continue }
            let owner = String(folder[..<end])
            if settings[owner].map({ !Self.upholding.contains($0) }) ?? true { settings[owner] = setting }
        }
        return settings
    }

    /// What it has systemd start again whenever that has gone down, by its own file.
    var holdsUp: Set<Upholders.Held> {
        let upheld = file.effectiveValues(section: "Unit", name: "Upholds").flatMap { name.words(of: $0) }
        let trigger = UnitTrigger(name, file)
        return Set(upheld.map(Upholders.Held.unit)).union(trigger.isLasting ? trigger.targets : [])
    }

    /// The units that its `[Install]` section has hold it up.
    var upheldBy: Set<String> { Set(dependentSettings.filter { Self.upholding.contains($0.value) }.keys) }

    /// How this unit has systemd start another one.
    ///
    /// - Parameters:
    ///   - unit: Another unit.
    ///   - links: The settings of that unit's own `[Install]` section, by the names of the units in them.
    /// - Returns: `nil` when it does not.
    fileprivate func starter(of unit: UnitName, _ links: [String: String]) -> Starter? {
        let trigger = UnitTrigger(name, file)
        let own = Self.starting.first { setting in
            file.effectiveValues(section: "Unit", name: setting).contains { name.words(of: $0).contains(unit.rawValue) }
        }
        let settings = [own, links[name.rawValue]].compactMap(\.self)
        let lasting = settings.first(where: Self.upholding.contains)
        if trigger.triggers(unit) { return Starter(unit: name, isLasting: trigger.isLasting || lasting != nil) }
        guard let first = settings.first else { return nil }
        return Starter(unit: name, setting: lasting ?? first, isLasting: lasting != nil)
    }
}

/// A unit whose type is there to start another one: a timer, a socket, a path, an automount.
struct UnitTrigger {
    static let types: [UnitType?] = [.timer, .path, .socket, .automount]

    let name: UnitName
    let file: UnitFile

    init(_ name: UnitName, _ file: UnitFile) {
        self.name = name
        self.file = file
    }

    /// Whether it starts `unit`.
    func triggers(_ unit: UnitName) -> Bool {
        targets.contains(.unit(unit.rawValue))
            || unit.template.map { targets.contains(.instances(of: $0.rawValue)) } == true
    }

    /// What it starts: one unit, and for a socket all instances of a template.
    var targets: [Upholders.Held] {
        let named: [String]
        switch name.type {
        case .timer: named = file.effectiveValues(section: "Timer", name: "Unit")
        case .path: named = file.effectiveValues(section: "Path", name: "Unit")
        case .socket: named = file.effectiveValues(section: "Socket", name: "Service")
        case .automount: return [.unit("\(name.withoutType).mount")]
        default: return []
        }
        if let last = named.last { return name.words(of: last).map(Upholders.Held.unit) }
        let service = Upholders.Held.unit("\(name.withoutType).service")
        // A socket with Accept=yes starts instances.
        return name.type == .socket ? [service, .instances(of: "\(name.withoutType)@.service")] : [service]
    }

    /// Whether systemd starts it only as long as its unit is down (systemd 252, socket_start and automount_start).
    var wantsUnitDown: Bool { name.type == .socket || name.type == .automount }

    /// The unit that has to be down when systemd starts it; `nil` where there is none, as for a socket with `Accept=yes`.
    var obstacle: UnitName? {
        guard wantsUnitDown, case .unit(let unit)? = targets.first else { return nil }
        return file.flag(section: "Socket", name: "Accept") == true ? nil : UnitName(unchecked: unit)
    }

    /// Whether it starts its unit again by itself when that has gone down.
    ///
    /// A path that looks for changes alone needs one for that.
    var isLasting: Bool {
        guard name.type == .path else { return true }
        return ["PathExists", "PathExistsGlob", "DirectoryNotEmpty"].contains {
            !file.effectiveValues(section: "Path", name: $0).isEmpty
        }
    }
}

extension UnitName {
    /// The words of a setting in this unit's file, with what its specifiers mean.
    fileprivate func words(of value: String) -> [String] {
        value.split(whereSeparator: \.isWhitespace).map { systemdText(String($0)).text }
    }
}
