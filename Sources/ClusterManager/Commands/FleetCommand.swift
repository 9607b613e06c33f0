// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A command of this program: what to do once its arguments are understood.
///
/// Asynchronous in ArgumentParser's sense only because completing unit names is; `Program` calls `run(in:)` itself.
protocol FleetCommand: AsyncParsableCommand {
    var global: GlobalOptions { get }

    /// Whether `--output` means something else than table or JSON to this command.
    static var ownsOutput: Bool { get }

    /// Does the command's work.
    ///
    /// - Throws: `ClusterManagerError`.
    func run(in context: CommandContext) async throws
}

extension FleetCommand {
    static var ownsOutput: Bool { false }
}

/// A command that asks no cluster: no endpoint is looked at and no tunnel opened.
protocol LocalCommand: AsyncParsableCommand {
    /// Does the command's work.
    ///
    /// - Throws: `ClusterManagerError`.
    func run(on console: Console) async throws
}
