// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Identity
import Testing

@testable import ClusterManager

/// Where a command goes and as whom, by what the user said and has.
@Suite("Choice of endpoint and profile")
struct ConnectionChoiceTests {
    private static let noAgent = !IdentityFile.exists("/run/flotilla/api.sock")

    /// A folder with the profiles `lab` (in use) and `live`.
    private func withProfiles(_ body: ([String: String]) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/flotilla-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = ProfileStore(path: folder)
        for name in ["lab", "live"] {
            try store.store(
                Profile(
                    name: name, cluster: name, endpoints: ["tls:\(name):1", "tls:\(name):2"], user: "ada",
                    authorities: "A", certificate: "C", key: "K"))
        }
        try body(["FLOTILLA_PROFILES": folder])
    }

    private struct Choice: Equatable {
        var endpoint: String
        var profile: String?
    }

    private func choose(
        _ environment: [String: String], endpoint: String? = nil, profile: String? = nil
    ) throws -> Choice {
        let settings = try ConnectionSettings.resolve(
            endpoint: endpoint, profile: profile, requestTimeout: nil, environment: environment)
        return Choice(endpoint: settings.endpoint, profile: settings.profile?.name)
    }

    @Test("a profile that is removed is gone with its key, and whoever used it is told that none is in use")
    func removal() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/flotilla-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = ProfileStore(path: folder)
        for name in ["lab", "live"] {
            try store.store(
                Profile(
                    name: name, cluster: name, endpoints: ["tls:\(name):1"], user: "ada", authorities: "A",
                    certificate: "C", key: "K"))
        }
        func remove(_ name: String) async throws -> Command.Outcome {
            try await Command.run(
                [Command.clusterManager, "profile", "remove", name], environment: ["FLOTILLA_PROFILES": folder])
        }
        #expect(store.current == "lab")
        let used = try await remove("lab")
        #expect(used.status == 0 && used.output == "profile lab is gone\n")
        #expect(used.errors.contains("cluster-manager profile use NAME"))
        #expect(store.names == ["live"] && store.current == nil)
        let again = try await remove("lab")
        #expect(again.status == 1)
        #expect(again.errors.contains("there is no profile 'lab'") && again.errors.contains("live"))
        #expect(try await remove("live").errors.isEmpty)
        #expect(store.names.isEmpty)
    }

    @Test("what is said on the command line comes before the environment, and a profile before an address there")
    func order() throws {
        try withProfiles { profiles throws in
            func with(_ more: [String: String]) -> [String: String] { profiles.merging(more) { $1 } }
            #expect(try choose(profiles, profile: "live") == Choice(endpoint: "tls:live:1", profile: "live"))
            #expect(
                try choose(profiles, endpoint: "tls:x:9", profile: "live")
                    == Choice(endpoint: "tls:x:9", profile: "live"))
            let named = with(["FLOTILLA_PROFILE": "live"])
            #expect(try choose(named) == Choice(endpoint: "tls:live:1", profile: "live"))
            #expect(try choose(named, profile: "lab") == Choice(endpoint: "tls:lab:1", profile: "lab"))
            #expect(try choose(named, endpoint: "tls:x:9") == Choice(endpoint: "tls:x:9", profile: "live"))
            for variable in ["FLOTILLA_ENDPOINT", "FLEETCTL_ENDPOINT"] {
                let address = with([variable: "tcp:y:9"])
                #expect(try choose(address) == Choice(endpoint: "tcp:y:9", profile: nil))
                #expect(try choose(address, profile: "live") == Choice(endpoint: "tls:live:1", profile: "live"))
                let both = with([variable: "tcp:y:9", "FLOTILLA_PROFILE": "live"])
                #expect(try choose(both) == Choice(endpoint: "tls:live:1", profile: "live"))
            }
            // Empty variables are as none.
            let empty = with(["FLOTILLA_PROFILE": "", "FLOTILLA_ENDPOINT": "tcp:y:9"])
            #expect(try choose(empty) == Choice(endpoint: "tcp:y:9", profile: nil))
        }
    }

    @Test("an endpoint with TLS takes its certificates from the profile in use")
    func material() throws {
        try withProfiles { profiles throws in
            #expect(try choose(profiles, endpoint: "tls:x:9") == Choice(endpoint: "tls:x:9", profile: "lab"))
            #expect(try choose(profiles, endpoint: "unix:/x") == Choice(endpoint: "unix:/x", profile: nil))
            #expect(try choose(profiles, endpoint: "tcp:x:9") == Choice(endpoint: "tcp:x:9", profile: nil))
        }
    }

    @Test("where nothing is said and no agent runs here, the profile in use says where", .enabled(if: noAgent))
    func current() throws {
        try withProfiles { profiles throws in
            #expect(try choose(profiles) == Choice(endpoint: "tls:lab:1", profile: "lab"))
        }
        let none = ["FLOTILLA_PROFILES": "/nonexistent/profiles"]
        #expect(try choose(none) == Choice(endpoint: ConnectionSettings.standardEndpoint, profile: nil))
    }

    @Test("a profile that is not there is a mistake that names those that are")
    func missing() throws {
        try withProfiles { profiles throws in
            let error = #expect(throws: ClusterManagerError.self) { try choose(profiles, profile: "prod") }
            #expect(error?.code == .usage)
            #expect(error?.message.contains("lab, live") == true)
            let variable = #expect(throws: ClusterManagerError.self) {
                try choose(profiles.merging(["FLOTILLA_PROFILE": "prod"]) { $1 })
            }
            #expect(variable?.code == .usage)
        }
    }

    @Test("an endpoint with TLS and no profile says how to come by one")
    func withoutProfile() throws {
        let settings = try ConnectionSettings.resolve(
            endpoint: "tls:x:9", profile: nil, requestTimeout: nil,
            environment: ["FLOTILLA_PROFILES": "/nonexistent/profiles"])
        let error = #expect(throws: ClusterManagerError.self) { try FleetClientAdapter.client(settings) }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("profile add") == true)
    }
}
