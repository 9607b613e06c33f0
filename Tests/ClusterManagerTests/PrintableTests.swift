// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Terminal
import Testing

@testable import ClusterManager

@Suite("What a terminal would obey")
struct PrintableTests {
    /// By Unicode's own word: control characters but tab and newline, and marks that turn the direction of writing.
    private static let obeyed: [Unicode.Scalar] = (0...0xFFFF as ClosedRange<UInt32>).compactMap { Unicode.Scalar($0) }
        .filter {
            let isKept = $0 == "\t" || $0 == "\n"
            return $0.properties.generalCategory == .control && !isKept || $0.properties.isBidiControl
        }

    @Test("every control character and every bidirectional mark is written out, in text, in lines and in JSON")
    func all() {
        #expect(Self.obeyed.count > 70)
        for scalar in Self.obeyed {
            let text = "a" + String(Character(scalar)) + "b"
            let digits = String(scalar.value, radix: 16)
            for shown in [Printable.text(text), Printable.line(text), JSONOutput.escaped(text)] {
                #expect(shown.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 }, "U+\(digits)")
                #expect(
                    shown.contains(digits) && shown.hasPrefix("a\\") && shown.hasSuffix("b"), "U+\(digits): \(shown)")
            }
        }
    }

    @Test("what people write stays as it is; a line has no second one")
    func kept() {
        let text = "Zoë\tשלום مرحبا 日本\n"
        #expect(Printable.text(text) == text)
        #expect(Printable.line(text) == #"Zoë\tשלום مرحبا 日本\n"#)
        #expect(JSONOutput.escaped(text) == text)
    }

    @Test("the shell is offered no word that holds one, nor one that would be two")
    func completion() {
        let names = ["web-1", "web-\u{9B}31m", "web-\u{1B}[2J", "web-\u{202E}", "web\n2", "db"]
        #expect(UnitCompletion.offered(names, "web") == ["web-1"])
        #expect(UnitCompletion.offered(names, "") == ["web-1", "db"])
    }

    @Test("no console writes them, as a person's line or as JSON's note")
    func console() {
        let captured = CapturedConsole()
        let hostile = "\u{1B}]0;x\u{7}\u{9B}31m\u{202E}\u{061C}\u{2066}"
        captured.console.errors.line(hostile)
        captured.console.inJSON.errors.line(hostile)
        captured.console.output.show(hostile)
        #expect(!(captured.output + captured.errors).unicodeScalars.contains(where: Printable.isUnsafe))
    }
}
