// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct UnitFileErrorTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let text: String
        let code: UnitFileError.Code
        let line: Int?
        let says: String
        var testDescription: String { "\(code): \(says)" }
    }

    @Test(
        "a text that is no unit file is refused with its line and the reason",
        arguments: [
            Refusal(text: "#!/bin/sh\necho\n", code: .outsideSection, line: 2, says: "\"echo\" stands before"),
            Refusal(text: "\nA=b\n[C]\n", code: .outsideSection, line: 2, says: "start with a header"),
            Refusal(text: "[A]\nB=c\n\n[D\nE=f\n", code: .badSection, line: 4, says: "no closing"),
            Refusal(text: "[A] x\n", code: .badSection, line: 1, says: "nothing may follow"),
            Refusal(text: "[A]\n[B]]\n", code: .badSection, line: 2, says: "nothing may follow"),
            Refusal(text: "[A] \\\nB=c", code: .badSection, line: 1, says: "nothing may follow"),
            Refusal(text: "[]\n", code: .badSection, line: 1, says: "names no section"),
            Refusal(text: "[A]\r\nB=c\r\nword\r\n", code: .badAssignment, line: 3, says: "\"word\" has no \"=\""),
            Refusal(text: "[A]\rB=c\rword", code: .badAssignment, line: 3, says: "\"word\" has no \"=\""),
            Refusal(text: "[A]\nB=c \\\n d\nword\n", code: .badAssignment, line: 4, says: "has no \"=\""),
            Refusal(
                text: "[A]\nB=c \\ \n d\n", code: .badAssignment, line: 3,
                says: "line 2 does not continue it, for a blank"),
            Refusal(text: "[A]\n# x \\\n d\n e\n", code: .badAssignment, line: 4, says: "\"e\" has no \"=\""),
            Refusal(
                text: "[A]\n# x \\\n d \\\nB=c\n", code: .badAssignment, line: 4, says: "a line that systemd ignores"),
            Refusal(text: "# x \\\n d\n[A]\n", code: .outsideSection, line: 2, says: "\"d\" stands before"),
            Refusal(text: "\u{FEFF}# x \\\n[A]\n", code: .outsideSection, line: 1, says: "byte order mark"),
            Refusal(text: "[A]\n\u{FEFF}B=c\n", code: .strayMark, line: 2, says: "start of the file alone"),
            Refusal(
                text: "\u{FEFF}[A]\nB=c \\\n\u{FEFF}d\n", code: .strayMark, line: 3, says: "start of the file alone"),
            Refusal(text: "[A]\n # x\n  = c\n", code: .badAssignment, line: 3, says: "nothing stands before \"=\""),
            Refusal(text: "[A]\nB=\0\n", code: .nulByte, line: 2, says: "NUL"),
            Refusal(text: "# \0", code: .nulByte, line: 1, says: "NUL"),
        ])
    func refuses(refusal: Refusal) throws {
        let error = try #require(throws: UnitFileError.self) { try UnitFile(parsing: refusal.text) }
        #expect(error.code == refusal.code)
        #expect(error.line == refusal.line)
        #expect(error.message.contains(refusal.says), "\(error.message)")
        #expect(error.message.hasPrefix("line \(refusal.line ?? 0): "), "\(error.message)")
    }

    @Test("a file may have its largest size and no byte more")
    func size() throws {
        let head = "[A]\nB="
        let fits = head + String(repeating: "x", count: UnitFile.sizeLimit - head.utf8.count)
        #expect(try UnitFile(parsing: fits).options.count == 1)
        let error = try #require(throws: UnitFileError.self) { try UnitFile(parsing: fits + "x") }
        #expect(error.code == .tooLarge)
        #expect(error.message.contains("1048577 bytes"))
    }

    @Test("a message shows control characters escaped and long text cut")
    func message() throws {
        let error = try #require(throws: UnitFileError.self) {
            try UnitFile(parsing: "[A]\n\u{1B}" + String(repeating: "x", count: 500))
        }
        #expect(error.message.contains("\\x1bxxx") && error.message.contains("x...\""), "\(error.message)")
        #expect(error.message.utf8.count < 200)
    }

    @Test(
        "an option that cannot be written down is refused",
        arguments: [
            (UnitOption(section: "", name: "A", value: "b"), "section is empty"),
            (UnitOption(section: "S]", name: "A", value: "b"), "section holds"),
            (UnitOption(section: "S\n", name: "A", value: "b"), "section holds"),
            (UnitOption(section: "S", name: " ", value: "b"), "name is empty"),
            (UnitOption(section: "S", name: "A\nB", value: "b"), "name holds"),
            (UnitOption(section: "S", name: "A=B", value: "b"), "name holds"),
            (UnitOption(section: "S", name: "#A", value: "b"), "name starts with"),
            (UnitOption(section: "S", name: " [A", value: "b"), "name starts with"),
            (UnitOption(section: "S", name: "A", value: "b\nC=d"), "newline that no backslash"),
            (UnitOption(section: "S", name: "A", value: "# b\nC=d"), "newline that no backslash"),
            (UnitOption(section: "S", name: "A", value: "b \\\r\nc"), "carriage return"),
            (UnitOption(section: "S", name: "A", value: "b\0"), "NUL"),
            (UnitOption(section: "S", name: "A", value: "b\\\\\n[T]\nC=d\\"), "newline that no backslash"),
            (UnitOption(section: "S", name: "A", value: "b\\\\\nword"), "has no \"=\""),
            (UnitOption(section: "S", name: "A", value: "b\\\\\n[T]"), "read back as other"),
        ])
    func badOptions(option: UnitOption, says: String) throws {
        let error = try #require(throws: UnitFileError.self) {
            try UnitFile(options: [UnitOption(section: "S", name: "First", value: "1"), option])
        }
        #expect(error.message.contains(says), "\(error.message)")
    }

    @Test("options that fleet's parser hands over, but spells otherwise than ours, keep their text")
    func foreignOptions() throws {
        // fleet ends a value at a comment that does not itself continue, and takes the next line as an option.
        let split = [
            UnitOption(section: "S", name: "ExecStart", value: "/bin/a \\\n# why"),
            UnitOption(section: "S", name: "--flag", value: "b"),
        ]
        let file = try UnitFile(options: split)
        #expect(file.text == UnitOption.canonicalText(of: split))
        #expect(file.hash == ContentHash(of: UnitOption.canonicalText(of: split)))
        #expect(file.effectiveValues(section: "S", name: "ExecStart") == ["/bin/a  --flag=b"])
        // fleet takes two backslashes as a continuation too.
        let doubled = [UnitOption(section: "S", name: "A", value: "b\\\\\nC=d")]
        #expect(try UnitFile(options: doubled).text == "[S]\nA=b\\\\\nC=d\n")
        // A value from another client may have blanks around it.
        #expect(try UnitFile(options: [UnitOption(section: "S", name: " A ", value: " b ")]).text == "[S]\nA=b\n")
    }

    @Test("a line as long as fleet refuses is refused in options, and read in a file")
    func lineLength() throws {
        func options(_ count: Int) -> [UnitOption] {
            [UnitOption(section: "S", name: "A", value: String(repeating: "x", count: count - 2))]
        }
        #expect(try UnitFile(options: options(UnitFile.lineLimit - 1)).options.count == 1)
        let error = try #require(throws: UnitFileError.self) { try UnitFile(options: options(UnitFile.lineLimit)) }
        #expect(error.code == .lineTooLong)
        #expect(error.message.contains("2048 bytes"), "\(error.message)")
        #expect(try UnitFile(parsing: UnitOption.canonicalText(of: options(5000))).options == options(5000))
    }
}
