// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// The keys of one cluster: `/flotilla/<cluster>/` and what stands below.
package struct RegistryKeys: Hashable, Sendable {
    package let cluster: ClusterName
    /// What every key of the cluster begins with.
    package let prefix: String

    package init(cluster: ClusterName) {
        self.cluster = cluster
        self.prefix = "/flotilla/\(cluster.rawValue)/"
    }

    package var leader: String { "\(prefix)leader" }
    /// Nothing is taken over while it is there (rule R10).
    package var brake: String { "\(prefix)brake" }
    /// What an operator wants of the machine: `cordon`, `drain`.
    package func control(_ id: MachineID) -> String { "\(prefix)control/\(id.rawValue)" }
    /// Written by the leader while the machine lives, and until its loss is dealt with.
    package func seen(_ id: MachineID) -> String { "\(prefix)seen/\(id.rawValue)" }
    package func file(_ hash: ContentHash) -> String { "\(prefix)files/\(hash.rawValue)" }
    package func unit(_ name: UnitName) -> String { "\(prefix)units/\(name.rawValue)" }
    /// How a unit that runs once came to its end.
    package func result(_ name: UnitName) -> String { "\(prefix)results/\(name.rawValue)" }
    /// Written with each unit whose file asks for further names, so that no check of names outlives one that it has not seen.
    package var aliases: String { "\(prefix)aliases" }
    package func machine(_ id: MachineID) -> String { "\(prefix)machines/\(id.rawValue)" }
    /// What operators laid over the machine's metadata.
    package func metadata(_ id: MachineID) -> String { "\(prefix)metadata/\(id.rawValue)" }
    package func assignment(_ machine: MachineID, _ unit: UnitName) -> String {
        "\(prefix)schedule/\(machine.rawValue)/\(unit.rawValue)"
    }
    package func state(_ machine: MachineID, _ unit: UnitName) -> String {
        "\(prefix)states/\(machine.rawValue)/\(unit.rawValue)"
    }

    /// The machine whose turn it is to give its session up; ends by itself.
    package var turn: String { "\(prefix)turn" }
    /// A random text, written once: another text, or none, is another store (rule R8).
    package var mark: String { "\(prefix)mark" }
    /// Who a machine is to the cluster, as against what it reports of itself.
    package func machineIdentity(_ id: MachineID) -> String { "\(prefix)identities/machines/\(id.rawValue)" }
    package func userIdentity(_ name: String) -> String { "\(prefix)identities/users/\(name)" }
    package func token(_ id: String) -> String { "\(prefix)tokens/\(id)" }
    /// The certificates to trust, and the machines that sign.
    package var authorities: String { "\(prefix)authorities" }
    /// An entry of the audit; `moment` in milliseconds since 1970, so that keys sort by time.
    package func event(_ moment: Int64, _ random: String) -> String {
        "\(prefix)events/\(Self.padded(moment))-\(random)"
    }
    /// 13 digits, which last until the year 2286.
    static func padded(_ moment: Int64) -> String {
        let digits = String(min(max(moment, 0), 9_999_999_999_999))
        return String(repeating: "0", count: 13 - digits.utf8.count) + digits
    }

    package var everything: KeySelector { .prefix(prefix) }
    package var files: KeySelector { .prefix("\(prefix)files/") }
    package var units: KeySelector { .prefix("\(prefix)units/") }
    package var machines: KeySelector { .prefix("\(prefix)machines/") }
    package var metadata: KeySelector { .prefix("\(prefix)metadata/") }
    package var results: KeySelector { .prefix("\(prefix)results/") }
    package var identities: KeySelector { .prefix("\(prefix)identities/") }
    package var tokens: KeySelector { .prefix("\(prefix)tokens/") }
    package var events: KeySelector { .prefix("\(prefix)events/") }
    package var control: KeySelector { .prefix("\(prefix)control/") }
    package var seen: KeySelector { .prefix("\(prefix)seen/") }
    package var schedule: KeySelector { .prefix("\(prefix)schedule/") }
    package var states: KeySelector { .prefix("\(prefix)states/") }
    package func assignments(of machine: MachineID) -> KeySelector { .prefix("\(prefix)schedule/\(machine.rawValue)/") }
    package func states(of machine: MachineID) -> KeySelector { .prefix("\(prefix)states/\(machine.rawValue)/") }

    /// Kinds that other parts document and read themselves.
    private static let otherKinds: Set<String> = ["stacks", "events", "results", "identities", "tokens"]

    /// What `key` stands for; `nil` when this version does not know it.
    ///
    /// An unknown key may come from a newer version, so it is reported to operators and left alone.
    package func parse(_ key: String) -> RegistryKey? {
        guard key.utf8.starts(with: prefix.utf8) else { return nil }
        let path = key.utf8.dropFirst(prefix.utf8.count)
        guard let slash = path.firstIndex(of: UInt8(ascii: "/")) else {
            if key == authorities { return .other(kind: "authorities", rest: "") }
            if key == aliases { return .other(kind: "aliases", rest: "") }
            if key == mark { return .other(kind: "mark", rest: "") }
            if key == turn { return .other(kind: "turn", rest: "") }
            return key == leader ? .leader : key == brake ? .brake : nil
        }
        let kind = String(Substring(path[..<slash]))
        let rest = Substring(path[path.index(after: slash)...])
        switch kind {
        case "files": return ContentHash(String(rest)).map { .file($0) }
        case "units": return Self.unitName(rest).map { .unit($0) }
        case "machines": return MachineID(String(rest)).map { .machine($0) }
        case "metadata": return MachineID(String(rest)).map { .metadata($0) }
        case "control": return MachineID(String(rest)).map { .control($0) }
        case "seen": return MachineID(String(rest)).map { .seen($0) }
        case "schedule": return Self.pair(rest).map { .assignment($0, $1) }
        case "states": return Self.pair(rest).map { .state($0, $1) }
        default: return Self.otherKinds.contains(kind) ? .other(kind: kind, rest: String(rest)) : nil
        }
    }

    private static func pair(_ text: Substring) -> (MachineID, UnitName)? {
        let bytes = text.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")), let machine = MachineID(String(text[..<slash])),
            let unit = unitName(text[bytes.index(after: slash)...])
        else { return nil }
        return (machine, unit)
    }

    private static func unitName(_ text: Substring) -> UnitName? {
        try? UnitName(recorded: String(text))
    }
}
