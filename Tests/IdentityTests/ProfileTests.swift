// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

@testable import Identity

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

@Suite("Profiles")
struct ProfileTests {
    private static func profile(_ name: String, cluster: String = "default") -> Profile {
        Profile(
            name: name, cluster: cluster, endpoints: ["tls:10.0.0.1:49443", "tls:10.0.0.2:49443"], user: "ada",
            authorities: "AUTHORITIES", certificate: "CERTIFICATE", key: "VERY SECRET")
    }

    @Test("a profile is read back from what was handed on")
    func roundTrip() throws {
        let profile = Self.profile("blue")
        #expect(try Profile(json: profile.json) == profile)
        #expect(profile.json.contains("tls:10.0.0.1:49443"))
    }

    @Test(
        "text that is no profile is refused, and not repeated",
        arguments: [
            "", "{}", "[]", "VERY SECRET", #"{"key":"VERY SECRET"}"#, profile("../blue").json, profile("").json,
            profile(".blue").json, profile("a/b").json, String(profile("blue").json.dropLast(4)),
        ])
    func refused(text: String) {
        let error = #expect(throws: IdentityError.self) { try Profile(json: text) }
        #expect(error?.code == .malformed)
        #expect(error?.message.contains("VERY SECRET") == false)
    }

    @Test("the first profile is in use until another is chosen")
    func use() async throws {
        try await withTemporaryFolder { parent in
            let store = ProfileStore(path: "\(parent)/profiles")
            #expect(store.current == nil)
            #expect(store.names.isEmpty)
            for name in ["green", "blue", "red"] { try store.store(Self.profile(name)) }
            #expect(store.current == "green")
            #expect(store.names == ["blue", "green", "red"])
            try store.use("blue")
            #expect(store.current == "blue")
            #expect(try store.profile("blue") == Self.profile("blue"))

            let unknown = #expect(throws: IdentityError.self) { try store.use("pink") }
            #expect(unknown?.code == .file)
            #expect(unknown?.message.contains("there are: blue, green, red") == true)
            #expect(store.current == "blue")
        }
    }

    @Test("a profile is replaced only when that is asked for")
    func replacing() async throws {
        try await withTemporaryFolder { parent in
            let store = ProfileStore(path: "\(parent)/profiles")
            try store.store(Self.profile("blue"))
            let error = #expect(throws: IdentityError.self) { try store.store(Self.profile("blue", cluster: "other")) }
            #expect(error?.code == .exists)
            #expect(try store.profile("blue").cluster == "default")
            try store.store(Self.profile("blue", cluster: "other"), replacing: true)
            #expect(try store.profile("blue").cluster == "other")
        }
    }

    @Test("a profile holds a key: its file is its owner's alone, or not read")
    func modes() async throws {
        try await withTemporaryFolder { parent in
            let store = ProfileStore(path: "\(parent)/profiles")
            try store.store(Self.profile("blue"))
            #expect(try mode(store.path) == 0o700)
            #expect(try mode(store.file(of: "blue")) == 0o600)
            try #require(chmod(store.file(of: "blue"), 0o604) == 0)
            let error = #expect(throws: IdentityError.self) { try store.profile("blue") }
            #expect(error?.message.contains("chmod 600") == true)
            #expect(throws: IdentityError.self) { try store.use("blue") }
        }
    }

    @Test(
        "a name with path tricks reaches no file", arguments: ["../out", "a/b", "", ".", "..", ".hidden", "-x", "a\0b"])
    func pathTricks(name: String) async throws {
        try await withTemporaryFolder { parent in
            let store = ProfileStore(path: "\(parent)/profiles")
            try store.store(Self.profile("blue"))
            // Wherever the name leads to, there is a profile to be found.
            try IdentityFile.makeFolder("\(store.path)/a")
            for path in ["\(parent)/out.json", "\(store.path)/a/b.json", "\(store.path)/.hidden.json"] {
                try IdentityFile.write(Self.profile("blue").json, to: path, mode: 0o600)
            }
            let read = #expect(throws: IdentityError.self) { try store.profile(name) }
            #expect(read?.code == .file)
            let used = #expect(throws: IdentityError.self) { try store.use(name) }
            #expect(used?.code == .file)
            let stored = #expect(throws: IdentityError.self) { try store.store(Self.profile(name), replacing: true) }
            #expect(stored?.code == .malformed)
            #expect(store.names == ["blue"])
        }
    }

    @Test("what lies about in the folder is no profile, and an empty choice is none")
    func strayFiles() async throws {
        try await withTemporaryFolder { parent in
            let store = ProfileStore(path: "\(parent)/profiles")
            try store.store(Self.profile("blue"))
            for name in ["notes.txt", "blue.json.new", ".json", "-a.json", "a b.json"] {
                try write("x", to: "\(store.path)/\(name)")
            }
            #expect(store.names == ["blue"])
            try write("\n", to: "\(store.path)/current")
            #expect(store.current == nil)
            try write("blue", to: "\(store.path)/current")
            #expect(store.current == "blue")
        }
    }

    @Test("profiles lie where the person's settings say")
    func places() {
        func path(_ environment: [String: String]) -> String { ProfileStore(environment: environment).path }
        let all = ["FLOTILLA_PROFILES": "/p", "XDG_CONFIG_HOME": "/x", "HOME": "/home/ada"]
        #expect(path(all) == "/p")
        #expect(path(all.filter { $0.key != "FLOTILLA_PROFILES" }) == "/x/flotilla/profiles")
        #expect(path(["HOME": "/home/ada"]) == "/home/ada/.config/flotilla/profiles")
        #expect(path(["FLOTILLA_PROFILES": "", "XDG_CONFIG_HOME": "", "HOME": "/home/ada"]).hasPrefix("/home/ada/"))
        #expect(path([:]) == "/root/.config/flotilla/profiles")
    }
}
