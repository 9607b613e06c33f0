// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@Suite("Page tokens")
struct PageTokenTests {
    @Test("a token is written as fleet writes it")
    func form() {
        #expect(PageToken(limit: 100, page: 2).text == "ZAACAA==")
        #expect(PageToken("ZAACAA==") == PageToken(limit: 100, page: 2))
        #expect(PageToken("EwBMLg==") == PageToken(limit: 19, page: 11852))
    }

    @Test("every number survives", arguments: [1, 62, 63, 255, 256, 0xfbff, 0xffff] as [UInt16])
    func numbers(number: UInt16) {
        let token = PageToken(limit: number, page: number)
        #expect(PageToken(token.text) == token)
        #expect(!token.text.contains("/") && !token.text.contains("+"))
    }

    @Test(
        "what is no token is refused",
        arguments: [
            "", "A", "AAAA", "ZAAAAA==", "ZAACAAA=", "ZAACAA", "ZAAC AA==", "//////==", "++++++==", "ZAACAA==ZAACAA==",
        ])
    func garbage(text: String) {
        #expect(PageToken(text) == nil)
    }

    @Test("after the last number there is no next page")
    func last() {
        #expect(PageToken(limit: 100, page: 1).next == PageToken(limit: 100, page: 2))
        #expect(PageToken(limit: 100, page: .max).next == nil)
    }
}
