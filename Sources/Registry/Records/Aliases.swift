// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension Records {
    /// Written with each unit whose file asks for further names, so that no check of names outlives one that it has not seen.
    package static let aliases = RecordKind<NoName, [UInt8]>(
        "aliases", lease: .none, agents: [], backup: .left, events: nil)
}

extension RegistryKeys {
    package var aliases: String { key(Records.aliases) }
}
