// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a command has done, for `--output json`, where it has no other result: `{"done":"revoke","user":"ada"}`.
///
/// Whatever does not concern the command is left out.
struct Deed: Encodable, Hashable, Sendable {
    /// How a machine joins the cluster that was made.
    struct Join: Encodable, Hashable, Sendable {
        /// A manager or a worker.
        let kind: String
        let endpoint: String
        let token: String
        /// The command to be given on the machine.
        let command: String
    }

    /// The command's own verb; `nothing` where all was done before.
    var done: String
    var cluster: String?
    var machine: String?
    var user: String?
    /// A join token's id.
    var token: String?
    var profile: String?
    /// What a certificate is for that is none of a member.
    var server: String?
    /// When what was made ends: milliseconds since 1970.
    var until: Int64?
    /// Where what was made lies.
    var folder: String?
    var files: [String]?
    var bytes: Int?
    var joins: [Join]?
}

extension Console {
    /// Says what a command has done that has no other result: beside it for people, and as the result in JSON.
    ///
    /// A person's scripts may send what these commands write to standard output, which is nothing, anywhere.
    ///
    /// - Parameters:
    ///   - words: What was done, in one line.
    ///   - deed: The same for programs.
    ///   - format: What the user asked for.
    /// - Throws: `ClusterManagerError.protocolViolation` for what JSON cannot express.
    func tell(_ words: String, _ deed: Deed, as format: OutputFormat) throws {
        switch format {
        case .json: output.write(try JSONOutput.text(deed))
        case .table: errors.line(words)
        }
    }
}
