// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import Identity

@Suite("Join tokens")
struct JoinTokenTests {
    private static let fingerprint = String(repeating: "ab", count: 32)
    private static let id = "0123456789ab"
    private static let secret = String(repeating: "cd", count: 20)

    @Test("a token's text is read as it was written")
    func roundTrip() throws {
        let token = JoinToken(fingerprint: Self.fingerprint)
        #expect(try JoinToken(text: token.text) == token)
        let read = try JoinToken(text: "FLT1-\(Self.id)-\(Self.secret)-\(Self.fingerprint)")
        #expect(read.id == Self.id)
        #expect(read.secret == Self.secret)
        #expect(read.fingerprint == Self.fingerprint)
    }

    @Test("no two tokens share an id or a secret")
    func random() {
        let tokens = (0..<200).map { _ in JoinToken(fingerprint: Self.fingerprint) }
        #expect(Set(tokens.map(\.id)).count == tokens.count)
        #expect(Set(tokens.map(\.secret)).count == tokens.count)
        // Each place of the secret takes each digit sooner or later: nothing in it is fixed.
        for place in 0..<40 {
            let digits = Set(tokens.map { Array($0.secret)[place] })
            #expect(digits.count > 8, "digit \(place) is one of \(digits)")
        }
    }

    @Test(
        "text that is no token is refused, and not repeated",
        arguments: [
            "", "-", "FLT1", "FLT1---", "FLT1-\(id)-\(secret)", "FLT1-\(id)-\(secret)-", "FLT1-\(id)-\(secret)-ab",
            "FLT2-\(id)-\(secret)-\(fingerprint)", "flt1-\(id)-\(secret)-\(fingerprint)",
            "FLT1-\(id)-\(secret)-\(fingerprint)-", "FLT1-\(id)-\(secret)-\(fingerprint)\n",
            " FLT1-\(id)-\(secret)-\(fingerprint)", "FLT1-\(id)0-\(secret)-\(fingerprint)",
            "FLT1-\(id.uppercased())-\(secret)-\(fingerprint)", "FLT1-\(id)-\(secret)0-\(fingerprint)",
            "FLT1-\(id)-\(secret.uppercased())-\(fingerprint)", "FLT1-\(id)-\(secret)-\(fingerprint.uppercased())",
            "FLT1-\(id)-\(secret.dropLast())g-\(fingerprint)", "FLT1-../../../../-\(secret)-\(fingerprint)",
            "FLT1-\(id)--\(secret)-\(fingerprint)",
        ])
    func refused(text: String) {
        let error = #expect(throws: IdentityError.self) { try JoinToken(text: text) }
        #expect(error?.code == .malformed)
        #expect(error?.message.contains(Self.secret) == false)
    }

    @Test("the cluster keeps the SHA-256 of the secret")
    func hash() throws {
        // The vectors of FIPS 180-2, appendix B.
        #expect(
            SecretHash.hex(of: "abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SecretHash.hex(of: [UInt8]()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let token = try JoinToken(text: "FLT1-\(Self.id)-\(Self.secret)-\(Self.fingerprint)")
        #expect(token.secretHash == SecretHash.hex(of: Self.secret.utf8))
        let other = try JoinToken(text: "FLT1-\(Self.id)-\(Self.secret.dropLast())e-\(Self.fingerprint)")
        #expect(other.secretHash != token.secretHash)
    }

    @Test(
        "hashes are equal when every byte is",
        arguments: [
            ("", "", true), ("ab", "ab", true), ("ab", "ac", false), ("bb", "ab", false), ("ab", "abc", false),
            ("", "a", false), ("ab", "AB", false), ("e\u{301}", "\u{e9}", false),
        ])
    func comparison(left: String, right: String, areEqual: Bool) {
        #expect(SecretHash.areEqual(left, right) == areEqual)
        #expect(SecretHash.areEqual(right, left) == areEqual)
    }
}
