// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Etcd

struct Base64Tests {
    @Test(
        "the vectors of RFC 4648 hold in both directions",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, encoded: String) {
        var text: [UInt8] = []
        Base64.encode(plain.utf8, onto: &text)
        #expect(String(decoding: text, as: UTF8.self) == encoded)
        #expect(Base64.decode(Array(encoded.utf8)[...]) == Array(plain.utf8))
    }

    @Test("every byte at every place survives")
    func roundTrip() {
        for length in 0...9 {
            for byte in UInt8.min...UInt8.max {
                let bytes = (0..<length).map { byte &+ UInt8($0) &* 37 }
                var text: [UInt8] = [1]
                Base64.encode(bytes, onto: &text)
                #expect(Base64.decode(text[1...]) == bytes)
            }
        }
    }

    @Test(
        "what is not base64 is refused",
        arguments: ["A", "AB", "ABC", "A===", "====", "AB=C", "AB==CDEF", "AB C", "AB\nC", "Zm9-", "Zm9_"])
    func refused(text: String) {
        #expect(Base64.decode(Array(text.utf8)[...]) == nil)
    }
}
