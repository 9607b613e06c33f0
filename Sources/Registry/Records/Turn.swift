// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension Records {
    /// The machine whose turn it is to give its session up; ends by itself.
    package static let turn = RecordKind<NoName, [UInt8]>(
        "turn", lease: .own, agents: [.readAndWrite(.all)], backup: .left, events: nil)
}

extension RegistryKeys {
    package var turn: String { key(Records.turn) }
}
