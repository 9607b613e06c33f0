// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FoundationEssentials
import HTTPTransport
import Terminal

OutputSink.occupyStandardStreams()
// As its user has it: what follows may widen it for ArgumentParser's sake.
let environment = ProcessInfo.processInfo.environment
TerminalWidth.settle()
let program = Program(console: .standard(environment: environment), environment: environment)
let status = await program.run(Array(CommandLine.arguments.dropFirst()))
endProcess(status.rawValue)
