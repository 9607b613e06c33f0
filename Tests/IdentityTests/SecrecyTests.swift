// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import Identity

@Suite("Secrets are not shown")
struct SecrecyTests {
    /// Everything that a log line, a failed test or an error message may make of a value.
    private func shown<T>(_ value: T) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return [
            "\(value)", String(reflecting: value), String(describing: Optional(value)), "\([value])",
            "\(["a": value])", "\((1, value))", dumped,
        ].joined(separator: "\n")
    }

    /// The lines of a PEM text that hold the key itself.
    private func lines(_ pem: String) -> [String] {
        pem.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("-----") }
    }

    @Test("a key is in no description, nor in that of what holds it")
    func key() throws {
        let key = KeyPair()
        let authority = try Scene().authority
        for (pem, text) in [(key.pem, shown(key)), (authority.keyPEM, shown(authority))] {
            let secrets = lines(pem)
            #expect(!secrets.isEmpty)
            for secret in secrets { #expect(!text.contains(secret)) }
        }
    }

    @Test("a token's secret is in no description")
    func token() {
        let token = JoinToken(fingerprint: String(repeating: "ab", count: 32))
        #expect("\(token)" == "join token \(token.id)")
        #expect(!shown(token).contains(token.secret))
        #expect(!token.secretHash.contains(token.secret))
    }

    @Test("a profile's key is in no description")
    func profile() {
        let profile = Profile(
            name: "blue", cluster: "default", endpoints: [], user: "ada", authorities: "", certificate: "",
            key: "VERY SECRET")
        #expect("\(profile)" == "profile blue (ada at default)")
        #expect(!shown(profile).contains("VERY SECRET"))
    }

    @Test(
        "a text that is no key is not repeated",
        arguments: ["VERY SECRET", "-----BEGIN PRIVATE KEY-----\nVERY SECRET\n"])
    func badKey(text: String) {
        let error = #expect(throws: IdentityError.self) { try KeyPair(pem: text) }
        #expect(error?.code == .malformed)
        #expect(error.map(shown)?.contains("SECRET") == false)
    }
}
