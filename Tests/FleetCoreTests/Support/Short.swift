// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// Short names of tests: machine `A` has the id `aaa...`, unit `web` is `web.service`, a moment is a number of seconds.
enum Short {
    static func machine(_ text: String) -> MachineID {
        guard text.count == 1, let id = MachineID(String(repeating: text.lowercased(), count: 32)) else {
            Issue.record("a machine is named A to F or 0 to 9, not \(text)")
            return MachineID.none
        }
        return id
    }

    static func isMachine(_ text: String) -> Bool { text.count == 1 && "ABCDEF0123456789".contains(text) }

    static func text(_ machine: MachineID) -> String { machine.rawValue.prefix(1).uppercased() }

    static func unit(_ text: String) -> UnitName { UnitName(unchecked: text.contains(".") ? text : text + ".service") }

    static func text(_ unit: UnitName) -> String {
        unit.rawValue.hasSuffix(".service") ? String(unit.rawValue.dropLast(".service".count)) : unit.rawValue
    }

    static func moment(_ seconds: String) -> Moment {
        guard let number = Double(seconds) else {
            Issue.record("\(seconds) is no number of seconds")
            return Moment(nanoseconds: 0)
        }
        return Moment(nanoseconds: Int64((number * 1e9).rounded()))
    }

    static func text(_ moment: Moment) -> String {
        let thousandths = (moment.nanoseconds + 500_000) / 1_000_000
        guard thousandths % 1000 != 0 else { return "\(thousandths / 1000)" }
        return "\(Double(thousandths) / 1000)"
    }

    static func target(_ text: String) -> TargetState {
        guard let target = TargetState(rawValue: text) else {
            Issue.record("\(text) is no target state")
            return .inactive
        }
        return target
    }
}

extension MachineID {
    /// For tests that have failed already.
    static var none: MachineID {
        guard let id = MachineID(String(repeating: "0", count: 32)) else { preconditionFailure("32 digits are an id") }
        return id
    }
}

/// Files of test units by the version that tables call `v1`, `v2`.
struct TestFiles {
    private var fileOfHash: [ContentHash: UnitFile] = [:]
    private var nameOfHash: [ContentHash: String] = [:]

    /// The file of a unit in one version, with lines of `[X-Fleet]`, and `Alias=` in `[Install]`.
    mutating func hash(_ unit: String, version: Int = 1, options: [String] = []) -> ContentHash {
        let aliases = options.filter { $0.hasPrefix("Alias=") }
        let lines =
            ["[Unit]", "Description=\(unit) v\(version)", "[X-Fleet]"] + options.filter { !$0.hasPrefix("Alias=") }
            + (aliases.isEmpty ? [] : ["[Install]"] + aliases)
        guard let file = try? UnitFile(parsing: lines.joined(separator: "\n") + "\n") else {
            Issue.record("the test's unit file for \(unit) cannot be read: \(options)")
            preconditionFailure("a test's own unit file is wrong")
        }
        fileOfHash[file.hash] = file
        nameOfHash[file.hash] = "v\(version)"
        return file.hash
    }

    func file(_ hash: ContentHash) -> UnitFile? { fileOfHash[hash] }

    func version(_ hash: ContentHash) -> String { nameOfHash[hash] ?? hash.short }
}

/// Randomness that one number repeats exactly.
///
/// - Source: SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
