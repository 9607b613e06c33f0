// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FoundationEssentials
import HTTPTransport
import Terminal

OutputSink.occupyStandardStreams()
TerminalWidth.settle()
let environment = ProcessInfo.processInfo.environment
let program = Program(console: .standard(environment: environment), environment: environment)
let status = await program.run(Array(CommandLine.arguments.dropFirst()))
endProcess(status.rawValue)
