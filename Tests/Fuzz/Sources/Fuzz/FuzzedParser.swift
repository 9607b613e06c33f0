// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Something that reads what comes from outside, with what may be asked of it for any input at all.
struct FuzzedParser: Sendable {
    /// Where input comes from; `bin/fuzz` gives each kind the same time, which its parsers share.
    enum Kind: String, CaseIterable, Sendable {
        /// What users submit to be run.
        case units
        /// What callers of the API send, members and strangers alike.
        case requests
        /// What stands in files and flags of this machine or of a user's, and what a chaos run left behind.
        case configuration
        /// What others may write to etcd, and what etcd, or something that is none, answers.
        case etcd

        var parsers: [FuzzedParser] {
            switch self {
            case .units: FuzzedParser.units
            case .requests: FuzzedParser.requests + FuzzedParser.proofs + FuzzedParser.gate
            case .configuration: FuzzedParser.configuration + FuzzedParser.identities + FuzzedParser.records
            case .etcd: FuzzedParser.values + FuzzedParser.answers
            }
        }
    }

    var name: String
    /// Inputs to begin with: well-formed ones, for the fuzzer to damage.
    var seeds: [String]
    /// Reads one input; ends the process when something is wrong with the reader.
    var feed: @Sendable ([UInt8]) -> Void

    static var all: [FuzzedParser] { Kind.allCases.flatMap(\.parsers) }

    /// Ends the process with words, which libFuzzer prints together with the input.
    static func require(_ holds: Bool, _ words: @autoclosure () -> String) {
        if !holds { fatalError(words()) }
    }
}
