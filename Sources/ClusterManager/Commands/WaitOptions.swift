// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

/// How long a command that changes units stays.
struct WaitOptions: ParsableArguments {
    @Flag(name: .customLong("no-block"), help: "Return as soon as the cluster has accepted the request.")
    var noBlock = false

    @Option(
        name: .customLong("block-attempts"),
        help: ArgumentHelp(
            "Give up waiting after this many times 2 s, as fleet counts; 0 waits for ever.", valueName: "count"))
    var blockAttempts: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Give up waiting after this time, such as 30, 30s, 10m; without it the wait has no end.", valueName: "time")
    )
    var timeout: String?

    func validate() throws {
        if let blockAttempts, !(0...1_000_000).contains(blockAttempts) {
            throw ValidationError("--block-attempts must be from 0 to 1000000")
        }
        try Period.checkTimeout(timeout)
        if noBlock && (blockAttempts != nil || timeout != nil) {
            throw ValidationError("--no-block waits for nothing, so --block-attempts and --timeout do not go with it")
        }
        if blockAttempts != nil && timeout != nil {
            throw ValidationError("--block-attempts and --timeout say the same; give one of them")
        }
    }

    var patience: UnitOperation.Patience {
        if noBlock { return .none }
        if let timeout = timeout.flatMap(Period.time) { return .wait(.seconds(timeout)) }
        guard let blockAttempts, blockAttempts > 0 else { return .wait(nil) }
        return .wait(.seconds(2 * blockAttempts))
    }
}

/// How long an order to a machine is waited for.
struct MachineWait: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long each step may take; 10m unless said otherwise.", valueName: "time"))
    var timeout = "10m"

    func validate() throws { try Period.checkTimeout(timeout) }

    /// For text that `validate` has let through.
    var patience: Duration { .seconds(Period.time(timeout) ?? 0) }

    /// The same for an operation's steps, in whole seconds.
    var limit: Int { min(max(1, Int(patience.components.seconds)), OperationRecord.longestLimit) }
}
