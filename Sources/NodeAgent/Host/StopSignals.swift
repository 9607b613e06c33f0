// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Systemd

/// Turns SIGTERM and SIGINT into reasons to stop.
enum StopSignals {
    /// One reason per signal.
    ///
    /// systemd sends the same SIGTERM for a restart, a stop and a shutdown; which it is stands in the job that it has for
    /// this service. Only a stop means that the machine leaves its cluster.
    static func reasons() -> AsyncStream<NodeAgentProgram.StopReason> {
        AsyncStream { continuation in
            let sources = [SIGTERM, SIGINT].map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { continuation.yield(reason()) }
                source.activate()
                return source
            }
            continuation.onTermination = { _ in for source in sources { source.cancel() } }
        }
    }

    private static func reason() -> NodeAgentProgram.StopReason {
        OwnService.jobType() == "stop" ? .leave : .restart
    }
}
