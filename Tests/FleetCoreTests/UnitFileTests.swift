// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// One assignment as a test writes it down.
private func option(_ section: String, _ name: String, _ value: String) -> UnitOption {
    UnitOption(section: section, name: name, value: value)
}

@Suite struct UnitFileTests {
    struct Reading: Sendable, CustomTestStringConvertible {
        let what: String
        let text: String
        let options: [UnitOption]
        var testDescription: String { what }
    }

    static let readings: [Reading] = [
        Reading(what: "nothing", text: "", options: []),
        Reading(what: "comments alone", text: "# a\n ; b\n\n", options: []),
        Reading(
            what: "a plain unit", text: "[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/sleep 1\n",
            options: [option("Unit", "Description", "Hello"), option("Service", "ExecStart", "/bin/sleep 1")]),
        Reading(
            what: "no newline at the end", text: "[Unit]\nDescription=x",
            options: [option("Unit", "Description", "x")]),
        Reading(
            what: "white space around names, values and headers",
            text: "\n  [Unit]  \n\tDescription \t=\t a  b \u{A0}\n",
            options: [option("Unit", "Description", "a  b \u{A0}")]),
        Reading(
            what: "LF CR, which ends one line", text: "[A]\n\rB=c \\\n\rd\n\r\n\rE=f\n\r",
            options: [option("A", "B", "c \\\nd"), option("A", "E", "f")]),
        Reading(
            what: "CR LF, also in a continuation", text: "[A]\r\nB=c \\\r\n d\r\nE=f\r\n",
            options: [option("A", "B", "c \\\n d"), option("A", "E", "f")]),
        Reading(
            what: "CR alone", text: "[A]\rB=c\rE=f", options: [option("A", "B", "c"), option("A", "E", "f")]),
        Reading(what: "a byte order mark", text: "\u{FEFF}[A]\nB=c\n", options: [option("A", "B", "c")]),
        Reading(
            what: "repeated names, empty assignments and values with equals signs",
            text: "[A]\nB=1\nB=\nB=x=y=z\n",
            options: [option("A", "B", "1"), option("A", "B", ""), option("A", "B", "x=y=z")]),
        Reading(
            what: "continuations, kept with their newlines and indents",
            text: "[A]\nB=one \\\n  two \\\n\tthree\nC=d\n",
            options: [option("A", "B", "one \\\n  two \\\n\tthree"), option("A", "C", "d")]),
        Reading(
            what: "a comment inside a continuation", text: "[A]\nB=one \\\n# no\n  two\nC=d\n",
            options: [option("A", "B", "one \\\n# no\n  two"), option("A", "C", "d")]),
        Reading(
            what: "a continuation that a blank line ends", text: "[A]\nB=one \\\n\nC=d\n",
            options: [option("A", "B", "one \\\n"), option("A", "C", "d")]),
        Reading(
            what: "a continuation that the end of the text ends", text: "[A]\nB=one \\",
            options: [option("A", "B", "one \\\n")]),
        Reading(
            what: "a comment in a continuation, then a blank line", text: "[A]\nB=one \\\n# no\n\nC=d\n",
            options: [option("A", "B", "one \\\n# no\n"), option("A", "C", "d")]),
        Reading(
            what: "two backslashes, which continue nothing", text: "[A]\nB=c:\\\\\nC=d\n",
            options: [option("A", "B", "c:\\\\"), option("A", "C", "d")]),
        Reading(
            what: "a backslash and a space, which continue nothing, nor do they once trimmed",
            text: "[A]\nB=c\\ \nC=d\n", options: [option("A", "B", "c\\\n"), option("A", "C", "d")]),
        Reading(
            what: "a comment that ends in a backslash, which hides nothing of what systemd reads",
            text: "[A]\n# B=c \\\nC=d \\\n e\nF=g\n# h \\\n stray \\\n# x\n strayer\nI=j\nK=l\n",
            options: [
                option("A", "C", "d \\\n e"), option("A", "F", "g"), option("A", "I", "j"), option("A", "K", "l"),
            ]),
        Reading(
            what: "section and name with odd characters", text: "[X-Weird one]\nSome thing-else=1\n",
            options: [option("X-Weird one", "Some thing-else", "1")]),
        Reading(
            what: "other scripts", text: "[Unit]\nDescription=Grüße, 世界 e\u{301}\n",
            options: [option("Unit", "Description", "Grüße, 世界 e\u{301}")]),
    ]

    @Test("text is kept byte by byte and read as options", arguments: readings)
    func reads(reading: Reading) throws {
        let file = try UnitFile(parsing: reading.text)
        #expect(Array(file.text.utf8) == Array(reading.text.utf8))
        #expect(file.options == reading.options)
    }

    @Test("canonical text and options of a file lead back to its canonical hash", arguments: readings)
    func canonicalIsStable(reading: Reading) throws {
        let file = try UnitFile(parsing: reading.text)
        let again = try UnitFile(parsing: file.canonicalText)
        #expect(again.canonicalText == file.canonicalText)
        #expect(again.hash == file.canonicalHash)
        let sent = try UnitFile(options: file.options)
        #expect(sent.text == file.canonicalText)
        #expect(sent.hash == file.canonicalHash)
    }

    @Test("canonical text groups sections in the order in which they first stand")
    func grouping() throws {
        let file = try UnitFile(parsing: "# c\n[B]\nx=1\n[A]\ny = 2\n\n\n[B]\nx=3\nz=\n")
        #expect(file.canonicalText == "[B]\nx=1\nx=3\nz=\n\n[A]\ny=2\n")
    }

    @Test("hashes are those of fleet")
    func vectors() throws {
        let one = try UnitFile(parsing: "; any\n[Service]\n  ExecStart = /bin/true")
        #expect(one.canonicalHash.rawValue == "86943ac9f3754cb90f8dd38bf6da7b0cad074592")
        #expect(one.canonicalHash.short == "86943ac")
        let two = try UnitFile(options: [
            option("Unit", "Description", "Hello"), option("Service", "ExecStart", "/bin/sleep 1"),
        ])
        #expect(two.hash.rawValue == "255e9792c216761ee18419a5dbae89e17150fad6")
    }

    @Test(
        "whatever changes the text changes the hash",
        arguments: [
            "# x\n[A]\nB=1\nC=2\n", "[A]\nB=1\nC=2", "[A]\n\nB=1\nC=2\n", "[A]\r\nB=1\r\nC=2\r\n",
            "\u{FEFF}[A]\nB=1\nC=2\n", "[A]\nB = 1\nC=2\n",
        ])
    func textCounts(text: String) throws {
        let plain = try UnitFile(parsing: "[A]\nB=1\nC=2\n")
        let file = try UnitFile(parsing: text)
        #expect(file.hash != plain.hash)
        #expect(file.hash == ContentHash(of: text))
        #expect(file.canonicalHash == plain.canonicalHash)
        #expect(plain.hash == plain.canonicalHash)
    }

    @Test("order changes the canonical hash")
    func orderCounts() throws {
        #expect(
            try UnitFile(parsing: "[A]\nC=2\nB=1\n").canonicalHash
                != UnitFile(parsing: "[A]\nB=1\nC=2\n").canonicalHash)
    }

    @Test("a file keeps the name that a record has for it")
    func named() throws {
        let file = try UnitFile(parsing: "# c\n[A]\nB=1\n")
        let old = file.named(file.canonicalHash)
        #expect(old.hash == file.canonicalHash)
        #expect(old == file)
        #expect(Set([old, file]).count == 1)
    }

    @Test("files are equal when their bytes are")
    func equality() throws {
        let composed = try UnitFile(parsing: "[A]\nB=\u{E9}\n")
        let decomposed = try UnitFile(parsing: "[A]\nB=e\u{301}\n")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, composed]).count == 2)
        #expect(try UnitFile(parsing: "#1\n[A]\nB=1\n") != UnitFile(parsing: "#2\n[A]\nB=1\n"))
    }
}
