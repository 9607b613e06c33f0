// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct SchedulingOptionsValidationTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let section: String
        var name = "web.service"
        let code: SchedulingOptionsError.Code
        let line: Int?
        let says: String
        var testDescription: String { section }
    }

    @Test(
        "a section that cannot mean what it says is refused with line and reason",
        arguments: [
            Refusal(
                section: "MachineId=01234567", code: .unknownOption, line: 2, says: #""MachineId"; known are MachineID"#
            ),
            Refusal(section: "X-Machineof=a.service", code: .unknownOption, line: 2, says: "X-ConditionMachineOf"),
            Refusal(section: "[x-fleet]\nGlobal=true", code: .unknownOption, line: 3, says: "written [X-Fleet]"),
            Refusal(section: "\nMachineMetadata=a=1 b=2", code: .badValue, line: 3, says: "run on any machine"),
            Refusal(section: "MachineMetadata=a=b=c", code: .badValue, line: 2, says: "\"a=b=c\" is not one KEY=VALUE"),
            Refusal(section: "MachineMetadata=a=", code: .badValue, line: 2, says: "KEY=VALUE"),
            Refusal(section: #"MachineMetadata="a=1" "b""#, code: .badValue, line: 2, says: #""b" is not"#),
            Refusal(section: "MachineMetadata=role=%i", code: .badValue, line: 2, says: #""role=" is not"#),
            Refusal(section: "Conflicts=a* b[", code: .badValue, line: 2, says: #"Conflicts=: "b[" is no pattern"#),
            Refusal(section: #"Replaces="a\""#, code: .badValue, line: 2, says: "no pattern"),
            Refusal(section: "X-Conflicts=[]", code: .badValue, line: 2, says: "no pattern"),
            Refusal(section: "MachineOf=a", code: .badValue, line: 2, says: "has no type"),
            Refusal(section: "MachineOf=web.service", code: .badValue, line: 2, says: "cannot wait for itself"),
            Refusal(section: "MachineOf=a@.service", code: .badValue, line: 2, says: "is a template"),
            Refusal(section: "MachineOf=a%H.service", code: .badValue, line: 2, says: #"holds "%""#),
            Refusal(section: "MachineID=0123456789", code: .badValue, line: 2, says: "32 lowercase"),
            Refusal(section: "MachineID=ABCDEF01", code: .badValue, line: 2, says: "32 lowercase"),
            Refusal(
                section: "X-ConditionMachineBootID=01234567-89ab-cdef-0123-456789abcdef", code: .badValue, line: 2,
                says: "no machine's id"),
            Refusal(section: "Global=maybe", code: .badValue, line: 2, says: "neither true nor false"),
            Refusal(section: "OnDisconnect=Keep", code: .badValue, line: 2, says: "fence or keep"),
            Refusal(section: "Ports=80,0", code: .badValue, line: 2, says: #"Ports=: "0" is no port; write a number"#),
            Refusal(section: "Ports=80 81", code: .badValue, line: 2, says: #""80 81" is no port"#),
            Refusal(section: "Ports=80/tpc", code: .badValue, line: 2, says: "with /tcp or /udp"),
            Refusal(section: "Ports=80,", code: .badValue, line: 2, says: #""" is no port"#),
            Refusal(section: #"Ports="""#, code: .badValue, line: 2, says: "empty"),
            Refusal(
                section: "Ports=%i", code: .badValue, line: 2,
                says:
                    #"Ports=: "%i" is empty, since web.service is no instance of a template; write the value itself, or "#
                    + "load the file as web@.service"),
            Refusal(section: "Conflicts=%i", code: .badValue, line: 2, says: "no instance of a template"),
            Refusal(section: "Conflicts=a*\nConflicts=", code: .badValue, line: 3, says: "empty"),
            Refusal(section: #"MachineOf="""#, code: .badValue, line: 2, says: "empty"),
            Refusal(
                section: "MachineID=01234567\nMachineOf=a.service", code: .contradiction, line: nil,
                says: "MachineID cannot be used together with MachineOf"),
            Refusal(
                section: "MachineID=01234567\nX-Conflicts=a*", code: .contradiction, line: nil,
                says: "MachineID cannot be used together with Conflicts"),
            Refusal(
                section: "X-ConditionMachineID=01234567\nGlobal=true", code: .contradiction, line: nil,
                says: "MachineID cannot be used together with Global"),
            Refusal(
                section: "MachineID=01234567\nReplaces=a*", code: .contradiction, line: nil,
                says: "MachineID cannot be used together with Replaces"),
            Refusal(
                section: "Global=true\nMachineOf=a.service", code: .contradiction, line: nil,
                says: "Global cannot be used together with MachineOf"),
            Refusal(
                section: "Global=true\nReplaces=a*", code: .contradiction, line: nil,
                says: "Global cannot be used together with Replaces"),
            Refusal(
                section: "Conflicts=b*\nReplaces=a*", code: .contradiction, line: nil,
                says: "Conflicts cannot be used together with Replaces"),
            Refusal(
                section: "MachineOf=a.service\nConflicts=b* a*", code: .contradiction, line: nil,
                says: "MachineOf=a.service wants what Conflicts=a* rules out"),
            Refusal(
                section: "MachineOf=a.service\nReplaces=*.service", code: .contradiction, line: nil,
                says: "rules out"),
            Refusal(
                section: "MachineOf=%p-data.service\nConflicts=web-*", code: .contradiction, line: nil,
                says: "MachineOf=web-data.service"),
        ])
    func refuses(refusal: Refusal) throws {
        let file = try UnitFile(parsing: "[X-Fleet]\n\(refusal.section)\n")
        let name = UnitName(unchecked: refusal.name)
        let error = try #require(throws: SchedulingOptionsError.self) {
            try SchedulingOptions.validate(file, for: name)
        }
        #expect(error.code == refusal.code)
        #expect(error.problems.count == 1, "\(error.message)")
        #expect(error.problems.first?.line == refusal.line)
        #expect(error.message.contains(refusal.says), "\(error.message)")
    }

    @Test(
        "sections that fleet accepts and that make sense pass",
        arguments: [
            ("web.service", "MachineID=01234567\nMachineMetadata=a=1"), ("web.service", "Global=true\nConflicts=a*"),
            ("web.service", "Global=off\nMachineOf=a.service b.service\nMachineMetadata=\"a=1\" \"b=2\""),
            ("web.service", "Replaces=a* b*\nMachineOf=c.service"), ("web.service", "OnDisconnect=keep"),
            ("web.service", "Conflicts=web*\nMachineMetadata=a=%H"),
            ("web@.service", "MachineOf=data@%i.service\nMachineMetadata=role=%i\nGlobal=%i\nOnDisconnect=%i"),
            ("web.service", "Ports=8080, 9000/udp,53/tcp\nPorts=\nPorts=1,65535"), ("web@.service", "Ports=80%i,90"),
            ("web.service", "Ports=80\nGlobal=true"), ("web.service", "Ports=80\nMachineID=01234567"),
            ("web@.service", "Conflicts=%p@*.service"), ("web@.service", "MachineID=%i"),
            ("web@01234567.service", "MachineID=%i"), ("web.service", ""),
        ])
    func accepts(name: String, section: String) throws {
        let file = try UnitFile(parsing: "[Service]\nNope=1\n[X-Fleet]\n\(section)\n")
        #expect(SchedulingOptions.problems(of: file, for: UnitName(unchecked: name)) == [])
        try SchedulingOptions.validate(file, for: UnitName(unchecked: name))
    }

    @Test("all problems are told in one line, in the order of the file")
    func several() throws {
        let file = try UnitFile(parsing: "[X-Fleet]\nNope=1\nMachineID=01234567\nMachineMetadata=x\nGlobal=yes\n")
        let error = try #require(throws: SchedulingOptionsError.self) {
            try SchedulingOptions.validate(file, for: UnitName(unchecked: "web.service"))
        }
        #expect(error.problems.map(\.code) == [.unknownOption, .badValue, .contradiction])
        #expect(error.message.hasPrefix("line 2: [X-Fleet] has no option \"Nope\""))
        #expect(error.message.contains("; line 4: MachineMetadata=: ") && !error.message.contains("\n"))
    }

    @Test("of very many problems the first ten are told and the rest are counted")
    func many() throws {
        let file = try UnitFile(parsing: "[X-Fleet]\n" + String(repeating: "Nope=1\n", count: 1000))
        let error = try #require(throws: SchedulingOptionsError.self) {
            try SchedulingOptions.validate(file, for: UnitName(unchecked: "web.service"))
        }
        #expect(error.problems.count == 1000)
        #expect(error.message.contains("line 11: ") && !error.message.contains("line 12: "))
        #expect(error.message.hasSuffix("; and 990 more"))
    }
}
