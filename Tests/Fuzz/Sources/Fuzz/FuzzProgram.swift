// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// libFuzzer's own main function, which it offers to programs that bring one.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>, _ callback: Callback
) -> CInt

/// The parser that this process feeds; set before the first input and never again.
nonisolated(unsafe) private var chosen: FuzzedParser?

/// Feeds one input; libFuzzer's own main function, which is linked but not used, wants it by this name.
@_cdecl("LLVMFuzzerTestOneInput")
func feedOne(_ start: UnsafePointer<UInt8>?, _ length: Int) -> CInt {
    chosen?.feed(Array(UnsafeBufferPointer(start: start, count: length)))
    return 0
}

/// Names the parsers, writes what to begin with, or feeds one.
///
/// `Fuzz list` names each parser after its kind, `Fuzz seeds PARSER FOLDER` writes its seeds, and `Fuzz run PARSER ...` feeds it,
/// with libFuzzer's own arguments after it.
@main
struct FuzzProgram {
    static func main() {
        let words = CommandLine.arguments
        switch (words.dropFirst().first, words.count) {
        case ("list", 2):
            for kind in FuzzedParser.Kind.allCases {
                for parser in kind.parsers { print(kind.rawValue, parser.name) }
            }
        case ("seeds", 4): writeSeeds(parser(named: words[2]), to: words[3])
        case ("run", 3...):
            chosen = parser(named: words[2])
            exit(drive([words[0]] + words.dropFirst(3)))
        default: fail("usage: Fuzz list | Fuzz seeds PARSER FOLDER | Fuzz run PARSER [LIBFUZZER ARGUMENT...]")
        }
    }

    private static func parser(named name: String) -> FuzzedParser {
        guard let parser = FuzzedParser.all.first(where: { $0.name == name }) else { fail("no parser \(name)") }
        return parser
    }

    private static func fail(_ message: String) -> Never {
        let line = Array("fuzz: \(message)\n".utf8)
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        exit(2)
    }

    private static func writeSeeds(_ parser: FuzzedParser, to folder: String) {
        for (number, seed) in parser.seeds.enumerated() {
            guard let file = fopen("\(folder)/seed-\(number)", "w") else { fail("cannot write into \(folder)") }
            let bytes = Array(seed.utf8)
            fwrite(bytes, 1, bytes.count, file)
            fclose(file)
        }
    }

    private static func drive(_ arguments: [String]) -> CInt {
        var count = CInt(arguments.count)
        let words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
        for (index, argument) in arguments.enumerated() { words[index] = strdup(argument) }
        words[arguments.count] = nil
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = words
        return runDriver(&count, &list, feedOne)
    }
}
