// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension Records {
    /// What later versions keep of stacks; this one saves them and brings them back.
    package static let stacks = RecordKind<FreeName, [UInt8]>(
        "stacks/<name>", lease: .none, agents: [], backup: .saved(.asWish, into: .anyCluster), events: nil)
}
