// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import FleetAPIClient

@Suite("Server-sent events")
struct EventStreamParserTests {
    typealias Raw = EventStreamParser.RawEvent

    @Test("events are found however lines end", arguments: ["\n", "\r", "\r\n"])
    func lineEnds(end: String) throws {
        var parser = EventStreamParser()
        let text = ["event: unit", "id: 7", "data: {\"a\":", "data: 1}", "", ": comment", "", "data:x", "", ""]
            .joined(separator: end)
        let events = try parser.consume(Array(text.utf8))
        #expect(events == [Raw(name: "unit", id: "7", data: "{\"a\":\n1}"), Raw(name: "message", id: "7", data: "x")])
    }

    @Test("it does not matter in which pieces the bytes come", arguments: 1...9)
    func pieces(size: Int) throws {
        let bytes = Array("event: unit\r\nid: 1\r\ndata: ä\r\n\r\n: x\n\nevent: state\nid: 2\ndata: b\n\n".utf8)
        var parser = EventStreamParser()
        var events: [Raw] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += try parser.consume(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(events == [Raw(name: "unit", id: "1", data: "ä"), Raw(name: "state", id: "2", data: "b")])
    }

    @Test("an event without data is none, and an unfinished one waits")
    func incomplete() throws {
        var parser = EventStreamParser()
        #expect(try parser.consume(Array("event: unit\n\ndata: x\n".utf8)).isEmpty)
        #expect(try parser.consume(Array("\n".utf8)) == [Raw(name: "message", id: "", data: "x")])
    }

    @Test("an event of endless length is refused, comments without end are not")
    func overflow() throws {
        var parser = EventStreamParser(limit: 100)
        for _ in 0..<50 { _ = try parser.consume(Array(": keep-alive\n\n".utf8)) }
        for _ in 0..<50 { _ = try parser.consume(Array(": keep-alive\n".utf8)) }
        #expect(throws: EventStreamParser.Overflow.self) {
            _ = try parser.consume(Array("data: ".utf8) + [UInt8](repeating: 0x78, count: 101))
        }
    }
}
