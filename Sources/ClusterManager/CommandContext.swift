// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPIClient
import FleetCore

/// What a command works with.
package struct CommandContext: Sendable {
    package let fleet: any FleetService
    package let console: Console
    package let environment: [String: String]
    package let format: OutputFormat
    /// How to reach other machines.
    package let ssh: SSHSettings
    /// Id of the machine that this program runs on; `nil` where it has none.
    package let localMachine: String?
    /// The API as it is, for what fleet has no notion of.
    package let client: @Sendable () throws -> FleetClient
    /// Ends this program by becoming another; returns only by throwing, except in tests.
    package let become: @Sendable (ExternalProgram) throws -> Void
    /// How old the answers are that the command has got so far.
    package let ages: AnswerAges

    package init(
        fleet: any FleetService, console: Console, environment: [String: String] = [:], format: OutputFormat = .table,
        ssh: SSHSettings = SSHSettings(), localMachine: String? = nil,
        client: @escaping @Sendable () throws -> FleetClient = {
            throw ClusterManagerError(.unreachable, "there is no cluster")
        },
        become: @escaping @Sendable (ExternalProgram) throws -> Void = { try $0.become() },
        ages: AnswerAges = AnswerAges()
    ) {
        self.fleet = fleet
        self.console = console
        self.environment = environment
        self.format = format
        self.ssh = ssh
        self.localMachine = localMachine
        self.client = client
        self.become = become
        self.ages = ages
    }

    /// Prints rows as a table of these columns, or as JSON with every field, as the user asked.
    ///
    /// A person is told in a sentence that there are none; a program finds the header alone, as fleet's scripts expect.
    ///
    /// - Parameters:
    ///   - rows: What there is.
    ///   - columns: What a table shows of it.
    ///   - layout: How a table looks.
    ///   - subjects: What there is none of; `nil` for what the rows are.
    /// - Throws: `ClusterManagerError.protocolViolation` for rows that JSON cannot express.
    package func render<Row: TableRow>(
        _ rows: [Row], columns: [Column<Row>], layout: TableLayout, subjects: String? = nil
    ) throws {
        switch format {
        case .json: console.output.write(try JSONOutput.text(rows))
        case .table:
            if rows.isEmpty, console.output.isTerminal {
                return console.errors.line("there are no \(subjects ?? Row.subjects)")
            }
            var layout = layout
            layout.hasColours = console.output.hasColours
            console.output.write(Table(rows, columns: columns, layout: layout).text)
        }
    }

    /// Says what was done to something, as a line or as JSON, for commands whose result is that it was done.
    ///
    /// - Parameters:
    ///   - words: What was done, in one line.
    ///   - document: The same for programs.
    /// - Throws: `ClusterManagerError.protocolViolation` for a document that JSON cannot express.
    package func tell(_ words: String, _ document: some Encodable) throws {
        switch format {
        case .json: console.output.write(try JSONOutput.text(document))
        case .table: console.output.line(words)
        }
    }

    /// Makes sure of a place for a result that is a secret, or shown only once: before anything is made.
    ///
    /// A file that standard output leads to is closed for all but its owner.
    ///
    /// - Throws: `ClusterManagerError.usage` when standard output is closed.
    package func requireOutput() throws {
        guard !console.output.isOpen else { return console.output.keepPrivate() }
        throw ClusterManagerError(
            .usage, "standard output is closed, and what would be written there is shown only once; nothing was done")
    }

    /// Tells the user something beside the result.
    package func warn(_ text: String) { console.errors.line("cluster-manager: \(text)") }
}
