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

    /// The exit status when the cluster did not answer; `nil` for that of the error, which means something else to some commands.
    static var statusWithoutAnswer: ExitStatus? { get }

    /// Whether the command, with its arguments, is to change something in the cluster; see `ChangingCommands.swift`.
    var changesCluster: Bool { get }

    /// Does the command's work.
    ///
    /// - Throws: `ClusterManagerError`.
    func run(in context: CommandContext) async throws
}

extension FleetCommand {
    static var ownsOutput: Bool { false }

    static var statusWithoutAnswer: ExitStatus? { nil }

    var changesCluster: Bool { false }

    /// Does the command's work, and says when it went by what agents remember from before etcd went.
    ///
    /// An old answer to a question is one, with its age beside it. Whoever wants a change wants it of what is, so that neither
    /// "there is nothing to do" nor "that cannot be done" counts as an outcome by what was.
    ///
    /// - Throws: `ClusterManagerError`; of a command that is to change something, `unavailable` when the newest answer was old.
    func runTellingAge(in context: CommandContext) async throws {
        do {
            try await run(in: context)
        } catch {
            throw dated(ClusterManagerError(wrapping: error), in: context)
        }
        guard let words = context.ages.words else { return }
        guard changesCluster else { return context.warn(words) }
        throw ClusterManagerError(
            .unavailable, "\(words), and nobody knows whether it still holds; try again when etcd answers",
            isTransient: true)
    }

    /// What to make of an error by what the command went by.
    private func dated(_ error: ClusterManagerError, in context: CommandContext) -> ClusterManagerError {
        guard let words = context.ages.words else { return error }
        switch error.code {
        case .unit, .unitFailed, .partial:
            guard changesCluster else { break }
            return ClusterManagerError(
                .unavailable, "\(error.message); \(words), so try again when etcd answers", isTransient: true)
        case .refused, .held, .timedOut: break
        // The words of these say it, or have nothing to do with what is in etcd.
        case .unreachable, .unavailable, .usage, .unitFile, .protocolViolation, .output: return error
        }
        context.warn(words)
        return error
    }
}

/// A command that asks no cluster: no endpoint is looked at and no tunnel opened.
protocol LocalCommand: AsyncParsableCommand {
    /// Does the command's work.
    ///
    /// - Throws: `ClusterManagerError`.
    func run(on console: Console) async throws
}
