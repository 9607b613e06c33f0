// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence for the same seed, on every machine.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Random unit files together with what systemd would read in them.
private struct Generated {
    var text = ""
    /// Values of `name` in `section`, resets honoured.
    var values: [String: [String: [String]]] = [:]

    init(seed: UInt64) {
        var random = SplitMix(state: seed)
        let end = ["\n", "\r\n"].randomElement(using: &random) ?? "\n"
        if Bool.random(using: &random) { text += "# head" + end }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let section = ["Unit", "Service", "X-Fleet"].randomElement(using: &random) ?? "Unit"
            text += "[\(section)]" + end
            for _ in 0..<Int.random(in: 0...5, using: &random) { add(in: section, end, &random) }
        }
        if Bool.random(using: &random), text.hasSuffix("\n") {
            text.unicodeScalars.removeLast(end.unicodeScalars.count)
        }
    }

    private mutating func add(in section: String, _ end: String, _ random: inout SplitMix) {
        let words = ["a", "b=c", "\"x y\"", "%i", "[z]", "\\\\", "ü", "\\x20", "a;b#c"]
        if Int.random(in: 0..<4, using: &random) == 0 {
            text += ["", "# note", "  ; note", "\t"].randomElement(using: &random) ?? ""
            text += end
        }
        let name = ["After", "ExecStart", "Conflicts"].randomElement(using: &random) ?? "After"
        guard Int.random(in: 0..<6, using: &random) > 0 else {
            text += name + "=" + end
            values[section, default: [:]][name] = []
            return
        }
        var joined = words.randomElement(using: &random) ?? "a"
        text += [name + "=", "  " + name + " = "].randomElement(using: &random) ?? ""
        text += joined
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let word = words.randomElement(using: &random) ?? "a"
            // A blank keeps the backslash apart from those of the word.
            text += " \\" + end
            if Bool.random(using: &random) { text += "# inside" + end }
            text += word
            joined += "  " + word
        }
        text += end
        values[section, default: [:]][name, default: []].append(joined)
    }
}

@Suite struct UnitFilePropertyTests {
    @Test("a generated file is kept, read as systemd reads it, and stable in canonical form")
    func generated() throws {
        for seed in UInt64(1)...2000 {
            let generated = Generated(seed: seed)
            let file = try UnitFile(parsing: generated.text)
            #expect(file.text.utf8.elementsEqual(generated.text.utf8), "seed \(seed)")
            for (section, names) in generated.values {
                for (name, values) in names {
                    #expect(file.effectiveValues(section: section, name: name) == values, "seed \(seed)")
                }
            }
            try expectStable(file, "seed \(seed)")
        }
    }

    @Test("any text is read or refused with a line that it has, and what is read is stable")
    func anyText() throws {
        let marks = Array("[]=#;\\\\\n\n\r \t\"%aX\0\u{FEFF}\u{301}é".unicodeScalars)
        var accepted = 0
        for seed in UInt64(1)...8000 {
            var random = SplitMix(state: seed)
            var text = Bool.random(using: &random) ? "[S]\n" : ""
            for _ in 0..<Int.random(in: 0...24, using: &random) {
                text.unicodeScalars.append(marks.randomElement(using: &random) ?? "a")
                if Int.random(in: 0..<3, using: &random) == 0 { text += "\nA=b\\" }
            }
            do throws(UnitFileError) {
                let file = try UnitFile(parsing: text)
                accepted += 1
                #expect(file.text.utf8.elementsEqual(text.utf8), "seed \(seed)")
                try expectStable(file, "seed \(seed)")
            } catch {
                let lines = 1 + text.utf8.count { $0 == 0x0A || $0 == 0x0D }
                #expect((1...lines).contains(error.line ?? 0), "seed \(seed): \(error)")
            }
        }
        // Else the generator writes nonsense alone, and the test proves little.
        #expect(accepted > 500)
    }

    @Test("no bytes trap the reader, the scheduling options or the patterns")
    func anyBytes() {
        for seed in UInt64(1)...3000 {
            var random = SplitMix(state: seed)
            let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let name = UnitName(unchecked: text)
            if let file = try? UnitFile(parsing: "[X-Fleet]\nConflicts=" + text) {
                #expect(SchedulingOptions(of: file, for: name).isGlobal == false)
                #expect(SchedulingOptions.problems(of: file, for: name).allSatisfy { !$0.message.isEmpty })
            }
            #expect(!Glob(text).matches(text + "/"))
            #expect((try? UnitName(validating: text)) == nil || name.type != nil)
            #expect((name.template == nil) == (name.instance == nil))
        }
    }

    private func expectStable(_ file: UnitFile, _ comment: Comment) throws(UnitFileError) {
        let again = try UnitFile(parsing: file.canonicalText)
        #expect(again.canonicalText.utf8.elementsEqual(file.canonicalText.utf8), comment)
        #expect(again.hash == file.canonicalHash, comment)
        let sent = try UnitFile(options: file.options)
        #expect(sent.text.utf8.elementsEqual(file.canonicalText.utf8), comment)
        for option in file.options where !isTwofold(file) {
            let values = file.effectiveValues(section: option.section, name: option.name)
            #expect(again.effectiveValues(section: option.section, name: option.name) == values, comment)
        }
    }

    /// Whether fleet's model may say less than the text: a backslash laid bare by trimming.
    private func isTwofold(_ file: UnitFile) -> Bool { ["\\ ", "\\\t"].contains { file.text.contains($0) } }
}
