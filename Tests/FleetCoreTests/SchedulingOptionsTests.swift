// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct SchedulingOptionsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let section: String
        var name = "foo@bar.service"
        let options: SchedulingOptions
        var testDescription: String { section }
    }

    private static func peers(_ names: String...) -> [UnitName] { names.map { UnitName(unchecked: $0) } }
    private static func globs(_ patterns: String...) -> [Glob] { patterns.map { Glob($0) } }
    private static func ports(_ texts: String...) -> [Port] { texts.compactMap { Port($0) } }
    private static func rule(_ pairs: (String, String)...) -> MetadataRule { MetadataRule(pairs: pairs) }

    static let cases: [Case] = [
        Case(section: "", options: SchedulingOptions()),
        Case(section: "MachineID=abc\nMachineID=def", options: SchedulingOptions(machineID: "abc")),
        Case(
            section: "X-ConditionMachineBootID=b\nX-ConditionMachineID=o\nMachineID=m",
            options: SchedulingOptions(machineID: "m")),
        Case(
            section: "X-ConditionMachineBootID=b\nX-ConditionMachineID=o", options: SchedulingOptions(machineID: "o")),
        Case(section: "X-ConditionMachineBootID=b", options: SchedulingOptions(machineID: "b")),
        Case(
            section: "MachineOf=a.service\nMachineOf=b.service\nX-ConditionMachineOf=c.service",
            options: SchedulingOptions(machineOf: peers("c.service", "a.service", "b.service"))),
        // fleet makes one impossible name of these.
        Case(
            section: "MachineOf=a.service  b.service\nReplaces=c* d*",
            options: SchedulingOptions(machineOf: peers("a.service", "b.service"), replaces: globs("c*", "d*"))),
        Case(
            section: #"MachineOf="a.service" "b.service""#,
            options: SchedulingOptions(machineOf: peers("a.service", "b.service"))),
        Case(
            section: "X-Conflicts=x*\nConflicts=a* b*\nConflicts=\"c*\" \"d*\"",
            options: SchedulingOptions(conflicts: globs("x*", "a*", "b*", "c*", "d*"))),
        Case(
            section: #"MachineMetadata="a=1" "b=2" "a=3""#,
            options: SchedulingOptions(metadata: rule(("a", "1"), ("a", "3"), ("b", "2")))),
        Case(
            section: "MachineMetadata=a=1\nX-ConditionMachineMetadata=a=2",
            options: SchedulingOptions(metadata: rule(("a", "1"), ("a", "2")))),
        Case(
            section: #"MachineMetadata="a=x y"  "b=2""#,
            options: SchedulingOptions(metadata: rule(("a", "x y"), ("b", "2")))),
        // fleet keeps the backslash and the newline in the key.
        Case(
            section: "MachineMetadata=\"a=1\" \\\n  \"b=2\"",
            options: SchedulingOptions(metadata: rule(("a", "1"), ("b", "2")))),
        Case(
            section: "MachineMetadata=a=1 b=2\nMachineMetadata=a=b=c\nMachineMetadata=a=\nMachineMetadata=word",
            options: SchedulingOptions()),
        Case(section: "MachineMetadata=\"a=1\" b=2", options: SchedulingOptions()),
        Case(section: "MachineMetadata= a =1", options: SchedulingOptions(metadata: rule(("a ", "1")))),
        Case(
            section: "Ports=9000/udp, 8080 ,53/tcp\nPorts=8080/tcp,53/udp",
            options: SchedulingOptions(ports: ports("53/tcp", "53/udp", "8080", "9000/udp"))),
        Case(section: "Ports=80\nPorts=\nPorts=81", options: SchedulingOptions(ports: ports("81"))),
        Case(section: "Ports=80,81\nPorts=", options: SchedulingOptions()),
        Case(section: "Ports=80, \\\n  81", options: SchedulingOptions(ports: ports("80", "81"))),
        Case(section: #"Ports="80" "81/udp""#, options: SchedulingOptions(ports: ports("80", "81/udp"))),
        Case(
            section: "Ports=80%i,90", name: "web@80.service", options: SchedulingOptions(ports: ports("90", "8080"))),
        // What no port can be is dropped.
        Case(
            section: "Ports=0,65536,080,+1,-1,1/sctp,2/,/tcp,3/tcp/udp,4 5,,x,65535",
            options: SchedulingOptions(ports: ports("65535"))),
        Case(section: "Global=no\nGlobal=TRUE", options: SchedulingOptions(isGlobal: true)),
        Case(section: "Global=yes\nGlobal=maybe", options: SchedulingOptions()),
        Case(section: "Global=T\nOnDisconnect=keep", options: SchedulingOptions(isGlobal: true, onDisconnect: .keep)),
        Case(section: "Global=1", options: SchedulingOptions(isGlobal: true)),
        Case(section: "Global=on\nOnDisconnect=keep\nOnDisconnect=fence", options: SchedulingOptions(isGlobal: true)),
        Case(section: "OnDisconnect=perhaps\nNope=1", options: SchedulingOptions()),
        Case(section: "# MachineID=a\n; Global=true", options: SchedulingOptions()),
        Case(
            section: "MachineOf=%p-data@%i.service\nConflicts=%p@*.service %N\nMachineMetadata=role=%i",
            options: SchedulingOptions(
                machineOf: peers("foo-data@bar.service"), metadata: rule(("role", "bar")),
                conflicts: globs("foo@*.service", "foo@bar"))),
        Case(
            section: "MachineMetadata=role=%i\nMachineMetadata=unit=%n", name: "web.service",
            options: SchedulingOptions(metadata: rule(("unit", "web.service")))),
    ]

    @Test("the section is read as fleet reads it", arguments: cases)
    func reads(expected: Case) throws {
        let file = try UnitFile(
            parsing: "[Unit]\nConflicts=other\n[X-Fleet]\n\(expected.section)\n[Install]\nGlobal=yes\n")
        #expect(SchedulingOptions(of: file, for: UnitName(unchecked: expected.name)) == expected.options)
    }

    @Test(
        "a machine is named by its whole id or exactly its first eight digits",
        arguments: [
            ("0123456789abcdef0123456789abcdef", true), ("01234567", true), ("0123456", false), ("012345678", false),
            ("0123456789ABCDEF0123456789ABCDEF", false), ("", false), ("11234567", false),
        ])
    func machineID(value: String, isAccepted: Bool) throws {
        let machine = try #require(MachineID("0123456789abcdef0123456789abcdef"))
        #expect(SchedulingOptions(machineID: value).accepts(machine) == isAccepted)
        #expect(SchedulingOptions().accepts(machine))
    }

    @Test(
        "the agents of the INAETICS demonstrator repel their own kind, by the old and the new option",
        arguments: [
            "X-Conflicts=celix@*.service", "Conflicts=celix@*.service",
        ])
    func inaetics(line: String) throws {
        let text = """
            [Unit]
            Description=Celix Node Agent

            [Service]
            ExecStart=/opt/celix_agent.sh --hostname=%H --machineId=%m --instanceId=%i --start
            Restart=always
            RestartSec=10

            [X-Fleet]
            \(line)
            MachineMetadata=role=inaetics-agent
            """
        let file = try UnitFile(parsing: text)
        let template = UnitName(unchecked: "celix@.service")
        let first = try template.instance("1")
        try SchedulingOptions.validate(file, for: template)
        try SchedulingOptions.validate(file, for: first)
        let options = SchedulingOptions(of: file, for: first)
        #expect(options.conflicts(with: try template.instance("2")))
        #expect(!options.conflicts(with: UnitName(unchecked: "felix@1.service")))
        #expect(options.metadata.accepts(["role": "inaetics-agent"]) && !options.metadata.accepts([:]))
        #expect(file.effectiveValues(section: "Service", name: "ExecStart").first?.contains("%H") == true)
    }

    @Test(
        "what a specifier brings into a pattern is text",
        arguments: [
            ("Conflicts=%p@*.service", #"my\x2dapp@2.service"#, true),
            ("Conflicts=%p@*.service", "myx2dapp@2.service", false),
            ("Replaces=%N*", #"my\x2dapp@1-old.service"#, true), ("Replaces=%n", #"my\x2dapp@1.service"#, true),
            ("X-Conflicts=%p@[2-3].service", #"my\x2dapp@3.service"#, true),
            ("Conflicts=%p@[2-3].service", #"my\x2dapp@4.service"#, false),
        ])
    func literalSpecifiers(option: String, other: String, isMeant: Bool) throws {
        let name = UnitName(unchecked: #"my\x2dapp@1.service"#)
        let file = try UnitFile(parsing: "[X-Fleet]\n" + option)
        let options = SchedulingOptions(of: file, for: name)
        #expect((options.conflicts + options.replaces).contains { $0.matches(UnitName(unchecked: other)) } == isMeant)
        #expect(SchedulingOptions.problems(of: file, for: name).isEmpty)
    }

    @Test("a backslash in a name is one in a pattern that the name was put into")
    func backslash() throws {
        let file = try UnitFile(parsing: "[X-Fleet]\nConflicts=%p@*.service")
        let options = SchedulingOptions(of: file, for: UnitName(unchecked: #"a\b@1.service"#))
        #expect(options.conflicts(with: UnitName(unchecked: #"a\b@2.service"#)))
        #expect(!options.conflicts(with: UnitName(unchecked: "ab@2.service")))
    }
}
