// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite struct UnitNameTests {
    struct Parts: Sendable, CustomTestStringConvertible {
        let name: String
        let type: UnitType?
        let prefix: String
        let instance: String?
        let template: String?
        let stem: String
        var testDescription: String { name }
    }

    @Test(
        "a name splits as fleet splits it",
        arguments: [
            Parts(name: "web.service", type: .service, prefix: "web", instance: nil, template: nil, stem: "web"),
            Parts(
                name: "celix@.service", type: .service, prefix: "celix", instance: "", template: "celix@.service",
                stem: "celix@"),
            Parts(
                name: "celix@1.service", type: .service, prefix: "celix", instance: "1", template: "celix@.service",
                stem: "celix@1"),
            Parts(
                name: "foo@bar@baz.timer", type: .timer, prefix: "foo", instance: "bar@baz", template: "foo@.timer",
                stem: "foo@bar@baz"),
            Parts(
                name: "foo@a.b.socket", type: .socket, prefix: "foo", instance: "a.b", template: "foo@.socket",
                stem: "foo@a.b"),
            Parts(name: "a.b.path", type: .path, prefix: "a.b", instance: nil, template: nil, stem: "a.b"),
            Parts(name: ".service", type: .service, prefix: "", instance: nil, template: nil, stem: ""),
            Parts(name: "nodot", type: nil, prefix: "nodot", instance: nil, template: nil, stem: "nodot"),
            Parts(name: "", type: nil, prefix: "", instance: nil, template: nil, stem: ""),
            Parts(name: "x@y", type: nil, prefix: "x", instance: "y", template: "x@", stem: "x@y"),
            Parts(name: "a.b@c", type: nil, prefix: "a", instance: nil, template: nil, stem: "a"),
            Parts(
                name: "x@\u{301}.service", type: .service, prefix: "x", instance: "\u{301}", template: "x@.service",
                stem: "x@\u{301}"),
        ])
    func parts(expected: Parts) {
        let name = UnitName(unchecked: expected.name)
        #expect(name.type == expected.type)
        #expect(name.prefix == expected.prefix)
        #expect(name.instance == expected.instance)
        #expect(name.template?.rawValue == expected.template)
        #expect(name.withoutType == expected.stem)
        #expect(name.isTemplate == (expected.instance == ""))
        #expect(name.isInstance == (expected.instance.map { !$0.isEmpty } ?? false))
    }

    @Test(
        "names that fleet accepts are accepted",
        arguments: [
            "web.service", "a.b.c.mount", "x@.target", "x@y@z.timer", "A-z_0:9.slice", "-.slice", "a-b-c.slice",
            "-a.service",
            #"dev-a\x2db.device"#,
            "old.snapshot", "bus.busname", "a@.path", String(repeating: "a", count: 243) + ".service",
        ])
    func accepts(text: String) throws {
        #expect(try UnitName(validating: text).rawValue == text)
    }

    @Test(
        "other names are refused with the reason and what is allowed",
        arguments: [
            (".service", UnitNameError.Code.noPrefix, "before the dot"), (".slice", .noPrefix, "before the dot"),
            ("a--b.slice", .badSlice, "dash"), ("-a.slice", .badSlice, "first, last"), ("a-.slice", .badSlice, "dash"),
            ("--.slice", .badSlice, "dash"),
            ("", .empty, "NAME.TYPE"), ("web", .missingType, "has no type"),
            ("web.", .missingType, "has no type"), ("web.exe", .unknownType, "automount busname device"),
            ("web.Service", .unknownType, "unknown type"), ("a b.service", .badCharacter, #"holds " ""#),
            ("a/b.service", .badCharacter, #"holds "/""#), ("ü.service", .badCharacter, "letters and digits"),
            ("a%i.service", .badCharacter, #"holds "%""#), ("a\n.service", .badCharacter, #"holds "\n""#),
            ("@a.service", .startsWithAt, "prefix"), ("@.service", .startsWithAt, "prefix"),
            ("a@b.mount", .typeWithoutInstances, "a mount has no instances"),
            ("a@.slice", .typeWithoutInstances, "path service socket target timer"),
            (String(repeating: "a", count: 244) + ".service", .tooLong, "252 bytes"),
        ])
    func refuses(text: String, code: UnitNameError.Code, says: String) throws {
        let error = try #require(throws: UnitNameError.self) { try UnitName(validating: text) }
        #expect(error.code == code)
        #expect(error.message.contains(says), "\(error.message)")
    }

    @Test(
        "an argument without a type means a service",
        arguments: [
            ("web", "web.service"), ("web.service", "web.service"), ("web.1", "web.1.service"), ("x@1", "x@1.service"),
            ("x.target", "x.target"), ("x.slice", "x.slice"), ("x.timer", "x.timer"), ("a@b.c", "a@b.c.service"),
            ("web.", "web..service"),
        ])
    func completes(argument: String, name: String) throws {
        #expect(try UnitName.completed(argument).rawValue == name)
    }

    @Test("an empty argument or one with a bad character is refused", arguments: ["", "a b", "a/b.service", "@"])
    func refusesArgument(argument: String) {
        #expect(throws: UnitNameError.self) { try UnitName.completed(argument) }
    }

    @Test("instances are made of a template, or beside an instance of it")
    func instances() throws {
        let template = UnitName(unchecked: "celix@.service")
        #expect(try template.instance("1").rawValue == "celix@1.service")
        #expect(try UnitName(unchecked: "celix@1.service").instance("a.b").rawValue == "celix@a.b.service")
        #expect(try template.instance("2").template == template)
        #expect(throws: UnitNameError.self) { try template.instance("") }
        #expect(throws: UnitNameError.self) { try template.instance("a/b") }
        let error = try #require(throws: UnitNameError.self) { try UnitName(unchecked: "web.service").instance("1") }
        #expect(error.code == .noInstance)
    }

    @Test(
        "specifiers are expanded as fleet does",
        arguments: [
            ("foo@bar.service", "%n %N %p %i", "foo@bar.service foo@bar foo bar"),
            ("foo.service", "%n %N %p [%i]", "foo.service foo foo []"),
            ("foo@.service", "%N|%i|", "foo@||"),
            ("foo@bar.service", "role=%i%i", "role=barbar"),
            ("foo@bar.service", "%%n", "%foo@bar.service"),
            ("foo@bar.service", "%% %H %m %x % 100%", "%% %H %m %x % 100%"),
            // Passes follow one another: what one leaves behind is seen by the next.
            ("i@bar.service", "%%p", "bar"),
            ("n@bar.service", "%%p", "%n"),
            (#"a-b\x2dc@d.service"#, "%p/%N", #"a-b\x2dc/a-b\x2dc@d"#),
            ("nodot", "%n %i", "%n %i"),
            ("foo@b.a.r.service", "%i.service", "b.a.r.service"),
            ("foo@bar.service", "", ""),
        ])
    func specifiers(name: String, text: String, expanded: String) {
        #expect(UnitName(unchecked: name).expandingSpecifiers(in: text) == expanded)
    }

    @Test(
        "a name that a record may have is read, whatever is refused today",
        arguments: [".service", "a--b.slice", "-a.slice", "x.scope", "dbus.service"])
    func recorded(text: String) throws {
        #expect(try UnitName(recorded: text).rawValue == text)
        #expect(try UnitName.completed(text).rawValue == text)
    }
}
