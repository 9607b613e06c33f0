// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Systemd
import TestSupport
import Testing

/// A value of D-Bus, as `busctl --json` prints it.
private enum BusJSON: Decodable {
    case text(String)
    case flag(Bool)
    case number(UInt64)
    case list([BusJSON])
    case other

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(UInt64.self) {
            self = .number(number)
        } else if let list = try? value.decode([BusJSON].self) {
            self = .list(list)
        } else {
            self = .other
        }
    }

    var text: String {
        switch self {
        case .text(let text): text
        case .flag(let flag): "\(flag)"
        case .number(let number): "\(number)"
        case .list(let list): list.map(\.text).joined(separator: " ")
        case .other: "?"
        }
    }

    var list: [BusJSON] { if case .list(let list) = self { list } else { [] } }
}

/// What the real systemd makes of a unit file, in the same words as `UnitReading`.
struct ShownUnit {
    var properties: [String: String] = [:]
    var dependencies: [String: Set<String>] = [:]
    var loadState = ""
    var problem = ""

    private struct Answer: Decodable {
        var data: BusJSON
    }

    private static let plain = ["Description", "Documentation", "RefuseManualStart", "RefuseManualStop"]
    private static let checks = ["Conditions", "Asserts"]
    private static let ofUnit = ["LoadState", "LoadError"] + plain + checks + UnitReading.dependencyNames
    private static let plainOfService = [
        "Type", "Restart", "RemainAfterExit", "KillMode", "SendSIGKILL", "RestartUSec", "TimeoutStartUSec",
        "TimeoutStopUSec", "User", "Group", "WorkingDirectory",
    ]
    /// By type of unit.
    private static let ofType: [UnitType: [String]] = [
        .service: plainOfService + ["Environment", "EnvironmentFiles"] + UnitReading.commandNames,
        .timer: ["TimersMonotonic", "Unit"], .socket: ["Listen"], .path: ["Paths", "Unit"], .mount: ["Where"],
    ]

    /// What systemd says of these units; loads them.
    static func all(_ names: [UnitName], on machine: NspawnMachine) async throws -> [UnitName: ShownUnit] {
        var found: [UnitName: ShownUnit] = [:]
        var script = ""
        for name in names {
            let path = UnitPath.path(of: name.rawValue)
            let base = "org.freedesktop.systemd1"
            script += "busctl --json=short get-property \(base) \(path) \(base).Unit \(ofUnit.joined(separator: " "))\n"
            if let type = name.type, let own = ofType[type] {
                let interface = "\(base).\(type.rawValue.prefix(1).uppercased())\(type.rawValue.dropFirst())"
                script +=
                    "busctl --json=short get-property \(base) \(path) \(interface) \(own.joined(separator: " "))\n"
            }
        }
        try machine.write("set -e\n" + script, to: "/run/corpus/ask")
        let output = try await machine.run("/bin/sh", "/run/corpus/ask")
        try #require(output.status == 0, "\(output.text.suffix(1000))")
        var lines = output.text.utf8.split(separator: UInt8(ascii: "\n"))[...]
        func take(_ names: [String]) throws -> [String: BusJSON] {
            var values: [String: BusJSON] = [:]
            for name in names {
                let next = lines.popFirst()
                let line = try #require(next, "no answer about \(name)")
                values[name] = try JSONDecoder().decode(Answer.self, from: Data(line)).data
            }
            return values
        }
        for name in names {
            var unit = ShownUnit()
            try unit.read(take(ofUnit))
            if let type = name.type, let own = ofType[type] {
                let values = try take(own)
                if type == .service { unit.readService(values) } else { unit.readOther(values) }
            }
            found[name] = unit
        }
        return found
    }

    private mutating func read(_ values: [String: BusJSON]) {
        loadState = values["LoadState"]?.text ?? ""
        problem = values["LoadError"]?.text ?? ""
        for name in Self.plain { properties[name] = values[name]?.text }
        for name in Self.checks {
            // Name, trigger, negation, parameter, state.
            properties[name] = (values[name]?.list ?? []).map { entry in
                let parts = entry.list.map(\.text)
                return "\(parts[0])=\(parts[1] == "true" ? "|" : "")\(parts[2] == "true" ? "!" : "")\(parts[3])"
            }.sorted().joined(separator: " , ")
        }
        for name in UnitReading.dependencyNames {
            dependencies[name] = Set((values[name]?.list ?? []).map(\.text))
        }
    }

    private mutating func readService(_ values: [String: BusJSON]) {
        for name in Self.plainOfService { properties[name] = values[name]?.text }
        properties["Environment"] = (values["Environment"]?.list ?? []).map { "[\($0.text)]" }.joined()
        properties["EnvironmentFiles"] = (values["EnvironmentFiles"]?.list ?? []).map { entry in
            (entry.list[1].text == "true" ? "-" : "") + entry.list[0].text
        }.joined(separator: " ; ")
        for name in UnitReading.commandNames {
            // Path, words, whether a failure counts, then times.
            properties[name] = (values[name]?.list ?? []).map { entry in
                UnitReading.show(entry.list[0].text, entry.list[1].list.map(\.text), entry.list[2].text == "true")
            }.joined(separator: " ; ")
        }
    }

    private mutating func readOther(_ values: [String: BusJSON]) {
        for (name, value) in values {
            let shown: [String] = value.list.map { entry in
                "\(entry.list[0].text)=\(entry.list[1].text)"
            }
            switch name {
            case "Listen": properties[name] = shown.joined(separator: " ")
            case "TimersMonotonic", "Paths": properties[name] = shown.sorted().joined(separator: " ")
            default: properties[name] = value.text
            }
        }
    }
}
