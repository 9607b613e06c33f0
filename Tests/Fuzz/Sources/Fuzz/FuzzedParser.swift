// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Something that reads what comes from outside, with what may be asked of it for any input at all.
struct FuzzedParser: Sendable {
    var name: String
    /// Inputs to begin with: well-formed ones, for the fuzzer to damage.
    var seeds: [String]
    /// Reads one input; ends the process when something is wrong with the reader.
    var feed: @Sendable ([UInt8]) -> Void

    static var all: [FuzzedParser] { units + values + answers + requests }

    /// Ends the process with words, which libFuzzer prints together with the input.
    static func require(_ holds: Bool, _ words: @autoclosure () -> String) {
        if !holds { fatalError(words()) }
    }
}
