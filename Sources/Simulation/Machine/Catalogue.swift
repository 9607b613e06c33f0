// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// How the processes of a unit behave, besides what its file says to placement.
struct UnitBehaviour: Sendable {
    var startSpan: Int64 = 20 * Span.millisecond
    var stopSpan: Int64 = 30 * Span.millisecond
    /// Ignores SIGTERM; systemd kills it after this long.
    var stopTimeout: Int64?
    /// Its file says `Restart=always`.
    var restarts = false
    /// Fails as soon as it has started.
    var fails = false
}

/// One text of a unit file and what comes of it.
struct UnitVariant: Sendable {
    let file: UnitFile
    let options: SchedulingOptions
    let behaviour: UnitBehaviour
    /// Whether its work has an end.
    let runs: RunPolicy
    /// Index among all files.
    let index: Int

    var isOnce: Bool { runs != .always }

    var isKept: Bool { options.onDisconnect == .keep }
    /// Rule R1 counts its copies.
    var isSingle: Bool { !options.isGlobal && !isKept }
}

/// The machines, units and unit files that runs choose from; made once, since hashing texts is slow.
struct Catalogue: Sendable {
    static let shared = Catalogue()

    let machines: [MachineID]
    let units: [UnitName]
    /// By unit.
    let variants: [[UnitVariant]]
    private let unitIndices: [UnitName: Int]
    private let hostIndices: [MachineID: Int]
    private let fileIndices: [ContentHash: Int]
    private let files: [UnitVariant]

    /// Units that no other unit's file can drive off its machine, and whose own files ask for no company.
    static let plainUnits: Set<Int> = [0, 1, 3, 7]

    private init() {
        machines = "abcdef".compactMap { MachineID(String(repeating: String($0), count: 32)) }
        var units: [UnitName] = []
        var variants: [[UnitVariant]] = []
        var files: [UnitVariant] = []
        for (name, texts) in Self.texts {
            let unit = UnitName(unchecked: name)
            var own: [UnitVariant] = []
            for (number, (options, behaviour)) in texts.enumerated() {
                let text = "[Unit]\nDescription=\(unit.prefix) \(number)\n[X-Fleet]\n" + options + "\n"
                guard let file = try? UnitFile(parsing: text) else { continue }
                // Files of one text are one file, whichever unit brings them.
                let known = files.first { $0.file.hash == file.hash }
                let variant = UnitVariant(
                    file: file, options: SchedulingOptions(of: file, for: unit),
                    behaviour: known?.behaviour ?? behaviour, runs: RunPolicy(of: file, for: unit),
                    index: known?.index ?? files.count)
                if known == nil { files.append(variant) }
                own.append(variant)
            }
            units.append(unit)
            variants.append(own)
        }
        (self.units, self.variants, self.files) = (units, variants, files)
        unitIndices = Dictionary(uniqueKeysWithValues: units.enumerated().map { ($1, $0) })
        hostIndices = Dictionary(uniqueKeysWithValues: machines.enumerated().map { ($1, $0) })
        fileIndices = Dictionary(uniqueKeysWithValues: files.map { ($0.file.hash, $0.index) })
    }

    private static let calm = UnitBehaviour()
    private static let slow = UnitBehaviour(startSpan: 400 * Span.millisecond, stopSpan: 600 * Span.millisecond)
    private static let stubborn = UnitBehaviour(stopTimeout: 8 * Span.second, restarts: true)
    private static let lasting = UnitBehaviour(restarts: true)
    private static let failing = UnitBehaviour(fails: true)
    private static let work = UnitBehaviour(startSpan: Span.second)
    private static let brokenWork = UnitBehaviour(startSpan: 300 * Span.millisecond, fails: true)
    private static let oneshot = "[Service]\nType=oneshot\nExecStart=/bin/work"

    private static let texts: [(String, [(String, UnitBehaviour)])] = [
        ("a.service", [("# a", calm), ("# a1", stubborn), ("MachineMetadata=role=web\n# a", calm)]),
        ("b.service", [("# b", lasting), ("# b1", slow), ("MachineMetadata=role=db\n# b", lasting)]),
        ("c.service", [("# c", calm), ("# c1", failing), ("Conflicts=w@*", calm)]),
        ("d.service", [("MachineMetadata=role=web", lasting), ("# d1", slow), ("MachineMetadata=role=none", calm)]),
        ("e.service", [("Conflicts=a.service", lasting), ("Conflicts=b.service", calm), ("Ports=8080/tcp", stubborn)]),
        ("f.service", [("MachineOf=b.service", calm), ("MachineOf=a.service", calm), ("Ports=8080, 9000/udp", slow)]),
        (
            "g.service",
            [
                ("Global=true", calm), ("Global=true\nMachineMetadata=role=web\nPorts=9000/udp", lasting),
                ("Global=false", calm),
            ]
        ),
        ("k.service", [("OnDisconnect=keep", lasting), ("OnDisconnect=keep\n# k1", calm), ("# k", stubborn)]),
        ("r.service", [("Replaces=c.service", calm), ("# r1", lasting), ("Replaces=c.service\n# r2", calm)]),
        ("w@1.service", [("Conflicts=w@*", lasting), ("Ports=8080", stubborn), ("# w1", slow)]),
        ("w@2.service", [("Conflicts=w@*", lasting), ("Ports=8080", stubborn), ("# w1", slow)]),
        ("w@3.service", [("Conflicts=w@*", lasting), ("Ports=8080", stubborn), ("# w1", slow)]),
        ("j@1.service", [("# j\n" + oneshot, work), ("# j1\n" + oneshot, work), ("# j2\n" + oneshot, brokenWork)]),
        ("j@2.service", [("# j\n" + oneshot, work), ("# j1\n" + oneshot, work), ("# j2\n" + oneshot, brokenWork)]),
    ]

    func unitIndex(of unit: UnitName) -> Int { unitIndices[unit] ?? 0 }

    func hostIndex(of machine: MachineID) -> Int { hostIndices[machine] ?? 0 }

    func fileIndex(of hash: ContentHash) -> Int { fileIndices[hash] ?? 0 }

    func file(at index: Int) -> UnitFile? { files.indices.contains(index) ? files[index].file : nil }

    func variant(of unit: UnitName, hash: ContentHash) -> UnitVariant? {
        variants[unitIndex(of: unit)].first { $0.file.hash == hash }
    }

    // MARK: Words for stories

    func name(ofHost index: Int) -> String { machines[index].rawValue.prefix(1).uppercased() }

    func name(ofUnit index: Int) -> String { units[index].withoutType }

    func text(of commit: StoreCommit) -> String { commit.changes.map(text).joined(separator: ", ") }

    private func text(of change: StoreChange) -> String {
        let key = change.key
        let place =
            switch key.kind {
            case .file: "files/\(key.subject)"
            case .machine: "machines/\(name(ofHost: key.machine))"
            case .metadata: "metadata/\(name(ofHost: key.machine))"
            case .unit: "units/\(name(ofUnit: key.subject))"
            case .schedule: "schedule/\(name(ofHost: key.machine))/\(name(ofUnit: key.subject))"
            case .state: "states/\(name(ofHost: key.machine))/\(name(ofUnit: key.subject))"
            case .leader: "leader"
            case .control: "control/\(name(ofHost: key.machine))"
            case .seen: "seen/\(name(ofHost: key.machine))"
            case .brake: "brake"
            case .result: "results/\(name(ofUnit: key.subject))"
            case .turn: "turn"
            case .operation: "operations/\(key.subject)"
            case .wave: "operations/\(key.machine)/waves/\(key.subject)"
            }
        guard let entry = change.entry else { return "-" + place }
        let what =
            switch entry.value {
            case .file, .machine, .metadata, .seen: ""
            case .control(let wanted): wanted.isDraining ? "=drain" : "=cordon"
            case .brake(let brake): "=" + brake.lost.map { name(ofHost: hostIndex(of: $0)) }.joined()
            case .result(let end): "=\(end.isSuccess) v\(fileIndex(of: end.hash)) #\(end.restarts)"
            case .unit(let unit): "=\(unit.target) v\(fileIndex(of: unit.hash)) #\(unit.restarts)"
            case .assignment(let order): "=\(order.target) v\(fileIndex(of: order.hash)) #\(order.restarts)"
            case .state(let state): "=\(state.active)/\(state.acted) v\(fileIndex(of: state.hash)) #\(state.restarts)"
            case .operation(let operation): "=\(operation.kind.word) \(operation.state.rawValue)"
            case .wave(let wave):
                "="
                    + wave.steps.map { "\($0.unit.withoutType) \($0.result?.rawValue ?? "begun")" }.joined(
                        separator: " ")
            case .leader(let machine), .turn(let machine): "=" + name(ofHost: hostIndex(of: machine))
            }
        return place + what
    }
}
