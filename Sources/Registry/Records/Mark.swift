// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension Records {
    /// A random text, written once: another text, or none, is another store (rule R8).
    package static let mark = RecordKind<NoName, [UInt8]>(
        "mark", lease: .none, agents: [.read(.all)], backup: .left, events: nil)
}

extension RegistryKeys {
    package var mark: String { key(Records.mark) }
}
