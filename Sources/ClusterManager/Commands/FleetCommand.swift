// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A command of this program: what to do once its arguments are understood.
///
/// Asynchronous in ArgumentParser's sense only because completing unit names is; `Program` calls `run(in:)` itself.
protocol FleetCommand: AsyncParsableCommand {
    var global: GlobalOptions { get }

    /// Does the command's work.
    ///
    /// - Throws: `ClusterManagerError`.
    func run(in context: CommandContext) async throws
}
