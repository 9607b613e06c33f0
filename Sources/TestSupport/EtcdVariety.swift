// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// One of the kinds of etcd that the client must get along with: a version, and a kind of token.
package struct EtcdVariety: Hashable, Sendable, CustomStringConvertible {
    /// The tokens that etcd gives to who logs in.
    package enum Tokens: String, CaseIterable, Hashable, Sendable {
        /// etcd's default: known to its members' memories.
        case simple
        /// Signed and never looked up; they carry the state of etcd's users at the login. etcd recommends them for production.
        case jwt
    }

    package var version: String
    /// The program, found through `PATH` or by its path.
    package var program: String
    package var tokens: Tokens

    package var description: String { "etcd \(version) with \(tokens) tokens" }

    /// Both kinds of tokens, of the etcd on `PATH` and of the other one where it is there.
    package static let all: [EtcdVariety] = (other.isEmpty ? [] : other) + onPath

    private static let onPath = Tokens.allCases.map { EtcdVariety(version: "on PATH", program: "etcd", tokens: $0) }

    /// etcd 3.5.1, which Debian does not have; empty where it was not installed.
    package static let other: [EtcdVariety] = {
        guard FileManager.default.isExecutableFile(atPath: otherProgram) else { return [] }
        return Tokens.allCases.map { EtcdVariety(version: "3.5.1", program: otherProgram, tokens: $0) }
    }()

    /// Why there may be no other.
    package static let otherIsMissing = "etcd 3.5.1 is not in \(otherProgram): bin/install-prerequisites test brings it"

    /// Where `bin/install-prerequisites` puts it.
    private static let otherProgram: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/") + "/.build/etcd-3.5.1/etcd"
    }()

    /// Options that make an etcd of this kind.
    package func options() throws -> EtcdServer.Options {
        var options = EtcdServer.Options()
        options.program = program
        options.heartbeatMilliseconds = 50
        if tokens == .jwt { options.tokenKey = try EtcdTokenKey() }
        return options
    }
}

/// A pair of keys with which an etcd signs its tokens.
package final class EtcdTokenKey: Sendable {
    private let folder: String

    /// Makes the pair with the `openssl` command.
    package init() throws {
        folder = try temporaryFolder("flotilla-jwt")
        try openssl(["genrsa", "-out", "\(folder)/private.pem", "2048"])
        try openssl(["rsa", "-in", "\(folder)/private.pem", "-pubout", "-out", "\(folder)/public.pem"])
    }

    deinit { removeTree(folder) }

    /// The value of etcd's `--auth-token` for it; a token lives for ten minutes.
    package var setting: String {
        "jwt,pub-key=\(folder)/public.pem,priv-key=\(folder)/private.pem,sign-method=RS256,ttl=10m"
    }

    var flags: [String] { ["--auth-token", setting] }

    private func openssl(_ arguments: [String]) throws {
        let log = "\(folder)/openssl.log"
        guard try ChildProcess(["openssl"] + arguments, output: log).waitForExit() == 0 else {
            throw TestFixtureError("openssl \(arguments[0]) failed: \((try? readTail(of: log, limit: 2_000)) ?? "")")
        }
    }
}
