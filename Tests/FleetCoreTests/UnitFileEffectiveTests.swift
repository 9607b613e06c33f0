// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct UnitFileEffectiveTests {
    @Test(
        "%f is the path that the instance, or else the prefix, stands for",
        arguments: [
            ("mount@srv-data.service", "/srv/data"), ("srv-data.service", "/srv/data"), ("x@-srv.service", "/srv"),
        ])
    func path(name: String, path: String) throws {
        let file = try UnitFile(parsing: "[Unit]\nDescription=on %f")
        #expect(file.description(of: UnitName(unchecked: name)) == "on \(path)")
    }

    @Test(
        "a setting has the values that systemd gives it",
        arguments: [
            ("[S]\nA=1\nA=2\n", ["1", "2"]),
            ("[S]\nA=1\nA=\nA=3\nA=4\n", ["3", "4"]),
            ("[S]\nA=1\n[T]\nA=x\n[S]\nA=2\n", ["1", "2"]),
            ("[S]\nA=1\nA=\n", []),
            ("[S]\nA=1\nA=\\\n\n", []),
            ("[T]\nA=1\n", []),
            ("[S]\nA=a \\\n  b\\\nc\n", ["a    b c"]),
            ("[S]\nA=a \\\n# no\\\n ; nor\n  b\n", ["a    b"]),
            ("[S]\nA=a \\\n#no\n\nA=b", ["a", "b"]),
            ("[S]\nA=a \\\r\n b\r\n", ["a   b"]),
            ("[S]\nA=a\\\\\nA=b", ["a\\\\", "b"]),
            ("[S]\nA=\\\n # no\n", []),
            ("[S]\n# x \\\nA=1\n", ["1"]),
            ("[S]\nA=c\\ \nA=2\n", ["c\\", "2"]),
            ("[S]\nA=\t a  b \u{A0}\n", ["a  b \u{A0}"]),
            ("[S]\nA=\u{0B}a\u{0C}\n", ["\u{0B}a\u{0C}"]),
            ("[S]\nA=a \\\n\r  b\n", ["a    b"]),
            ("[S]\n\u{A0}A=1\n\u{0B}# A=2\nA=3", ["3"]),
            ("\u{FEFF}# c\n[S]\nA=1", ["1"]),
            ("[S]\n# x \\\n[T]\nA=1\n[S]\nA=2", ["2"]),
            ("[S]\nA=a\\\\\\\nb", ["a\\\\ b"]),
        ])
    func values(text: String, expected: [String]) throws {
        #expect(try UnitFile(parsing: text).effectiveValues(section: "S", name: "A") == expected)
    }

    @Test("the description is the last one, and empty where there is none")
    func description() throws {
        let name = UnitName(unchecked: "my\\x2dapp@a-b.service")
        #expect(try UnitFile(parsing: "[Unit]\nDescription=a\nDescription=b").description(of: name) == "b")
        #expect(try UnitFile(parsing: "[Unit]\nAfter=a").description(of: name) == "")
        let text = "[Unit]\nDescription=%p %P %i %I %n %N 100%% on %H %"
        #expect(
            try UnitFile(parsing: text).description(of: name)
                == #"my\x2dapp my-app a-b a/b my\x2dapp@a-b.service my\x2dapp@a-b 100% on %H %"#)
    }

    @Test("drop-ins apply after the file in the order of their names, the first of one name counting")
    func dropIns() throws {
        let file = try UnitFile(parsing: "[S]\nA=main\nB=main \\")
        func dropIn(_ name: String, _ text: String) throws -> UnitFile.DropIn {
            UnitFile.DropIn(name: name, file: try UnitFile(parsing: text))
        }
        let merged = file.merging([
            try dropIn("20-b.conf", "[S]\nA=twenty"), try dropIn("10-a.conf", "\u{FEFF}[S]\nA=\nA=ten \\"),
            try dropIn("20-b.conf", "[S]\nA=hidden\n"), try dropIn("5-c.conf", "# five\n[S]\r\nB=five\n"),
        ])
        #expect(merged.effectiveValues(section: "S", name: "A") == ["ten", "twenty"])
        #expect(merged.effectiveValues(section: "S", name: "B") == ["main", "five"])
        let again = try UnitFile(parsing: merged.text)
        #expect(again.options == merged.options)
        #expect(again.hash == merged.hash)
    }

    @Test("a problem in a drop-in is reported at its line of the merged text")
    func mergedLines() throws {
        let file = try UnitFile(parsing: "[Unit]\r\nDescription=x\r[Service]\nType=simple")
        let bad = UnitFile.DropIn(name: "a.conf", file: try UnitFile(parsing: "# c\n[X-Fleet]\nNope=1\n"))
        let merged = file.merging([bad])
        let name = UnitName(unchecked: "a.service")
        let lines = SchedulingOptions.problems(of: merged, for: name).map(\.line)
        #expect(lines == [8])
        #expect(SchedulingOptions.problems(of: try UnitFile(parsing: merged.text), for: name).map(\.line) == lines)
    }
}
