// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct FdForward: LocalCommand {
    static let configuration = CommandConfiguration(
        commandName: "fd-forward",
        abstract: "Connect standard input and output to a unix socket of this machine.",
        discussion: """
            The far end of fleetctl's --tunnel. Ends with status 0 when the socket's peer has ended, 3 when nobody answers.

            EXAMPLES:
              ssh host cluster-manager fd-forward /run/flotilla/api.sock
            """)

    @Argument(help: ArgumentHelp("Path of the socket.", valueName: "socket"), completion: .file())
    var socket: String

    func run(on _: Console) async throws { try SocketForward(socket).run() }
}
