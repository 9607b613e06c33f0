// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import NodeAgent

await NodeAgentCommand.start(Array(CommandLine.arguments.dropFirst()))
