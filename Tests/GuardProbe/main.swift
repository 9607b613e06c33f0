// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd

// The guard as a program of its own, for tests inside real machines: guard-probe guard --fifo PATH [--watchdog-only].
let words = CommandLine.arguments
guard words.count >= 4, words[1] == "guard", words[2] == "--fifo" else {
    throw SystemdError(code: .invalidArgument, message: "usage: guard-probe guard --fifo PATH [--watchdog-only]")
}
try GuardProcess.run(fifo: words[3], kernelTimer: !words.contains("--watchdog-only"))
