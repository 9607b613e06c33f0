// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import FleetAPI
import FleetAPIClient
import FoundationEssentials
import Identity
import Terminal
import Testing

@testable import ClusterManager

@Suite("Commands about tokens, users, machines and the audit")
struct IdentityCommandTests {
    private static let a = String(repeating: "a1", count: 16)
    private static let b = String(repeating: "a2", count: 16)
    private static let done = TransportResponse(status: 204)

    private func refusal(
        _ api: CannedAPI, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async -> ClusterManagerError? {
        await #expect(throws: ClusterManagerError.self, sourceLocation: sourceLocation) { _ = try await api.run(words) }
    }

    @Test("a token is printed alone, and the command that uses it beside")
    func tokenCreate() async throws {
        let api = CannedAPI([
            "POST /flotilla/v1/tokens": try CannedAPI.json(
                API.NewToken(token: "FLT1-x", endpoints: ["tls:10.0.0.1:49443"]))
        ])
        let words = "token create --ttl 10m --uses 3 --roles agent,engine --metadata role=worker,zone=a-b"
        let captured = try await api.run(words)
        #expect(captured.output == "FLT1-x\n")
        #expect(captured.errors.contains("node-agent join tls:10.0.0.1:49443 FLT1-x"))
        let order = try api.body(API.TokenOrder.self)
        #expect(
            order
                == API.TokenOrder(
                    ttl: 600, uses: 3, roles: ["agent", "engine"], metadata: ["role": "worker", "zone": "a-b"]))

        let json = try await api.run("token create --kind worker --output json")
        #expect(try JSONDecoder().decode(API.NewToken.self, from: Data(json.output.utf8)).token == "FLT1-x")
        #expect(json.errors.isEmpty)
        #expect(try api.body(API.TokenOrder.self).ttl == 3600)
    }

    @Test("a key of metadata that is given twice is refused before anything is sent")
    func repeatedMetadata() async {
        let api = CannedAPI([:])
        let error = await refusal(
            api, ["token", "create", "--kind", "worker", "--metadata", "zone=a,rack=1,zone=b"])
        #expect(error?.code == .usage)
        #expect(error?.message == "the key 'zone' is given twice; a machine has one value for each")
    }

    @Test(
        "a kind of machine is its roles, and the command to join says which kind it makes",
        arguments: [("manager", ["agent", "api", "engine"]), ("worker", ["agent"])] as [(String, [String])])
    func tokenKinds(kind: String, roles: [String]) async throws {
        let api = CannedAPI([
            "POST /flotilla/v1/tokens": try CannedAPI.json(
                API.NewToken(token: "FLT1-x", endpoints: ["tls:10.0.0.1:49443"]))
        ])
        let captured = try await api.run("token create --kind \(kind)")
        #expect(try api.body(API.TokenOrder.self).roles == roles)
        #expect(captured.errors.contains("on each new \(kind), as root: node-agent join"), "\(captured.errors)")
        let command = ClusterInit.joinCommand(try #require(MachineKind(rawValue: kind)), "tls:10.0.0.1:49154", "FLT1-x")
        #expect(command == "node-agent join tls:10.0.0.1:49154 FLT1-x  # \(kind)")
    }

    @Test(
        "no token is made of a kind that nobody has said; the refusal names both kinds and what each may do",
        arguments: [[], ["--ttl", "10m", "--uses", "3"], ["--kind", ""], ["--kind", "king"], ["--kind", "Worker"]])
    func tokenWithoutKind(words: [String]) async {
        let api = CannedAPI([:])
        let error = await refusal(api, ["token", "create"] + words)
        #expect(error?.code == .usage)
        let message = error?.message ?? ""
        for part in [
            "--kind manager (", "a stolen one can do everything in the cluster)", "--kind worker (",
            "a stolen one can do its own things only",
        ] {
            #expect(message.contains(part), "\(message)")
        }
        #expect(!message.contains("\n"))
        let both = await refusal(api, ["token", "create", "--kind", "worker", "--roles", "agent"])
        #expect(both?.code == .usage && both?.message.hasPrefix("--kind and --roles") == true)
        #expect(api.asked.isEmpty)
    }

    @Test(
        "nobody is admitted as a kind that nobody has said, and nothing is asked or written before",
        arguments: [
            ([], "an admission says which kind of machine it makes; say --kind manager ("),
            (["--kind", "king"], "'king' is no kind of machine; say --kind manager ("),
            (["--kind", "worker", "--roles", "agent"], "--kind and --roles both say"),
            // The next thing that is missing: the kind has been taken.
            (["--kind", "worker"], "/nowhere/authority"), (["--roles", "agent,api"], "/nowhere/authority"),
        ] as [([String], String)])
    func admitWithoutKind(words: [String], part: String) async {
        let line = "cluster admit \(Self.a) --name a --out /nowhere/out --directory /nowhere/authority "
        let session = await Session.run(line + words.joined(separator: " "))
        #expect(session.status == .failure && session.errors.contains(part), "\(session.errors)")
        #expect(session.errors.count { $0 == "\n" } == 1, "\(session.errors)")
    }

    @Test(
        "the first machine of a cluster decides and answers, whatever else it does",
        arguments: ["agent", "engine", "api", "agent,api", "engine,api,king"])
    func firstMachine(roles: String) async {
        let session = await Session.run("cluster init --offline --directory /nowhere/authority --roles=\(roles)")
        #expect(session.status == .failure && session.errors.contains("no roles of a cluster's first machine"))
        #expect(session.errors.count { $0 == "\n" } == 1, "\(session.errors)")
    }

    @Test(
        "what is no time or no pair is refused before anybody is asked",
        arguments: [
            ["--ttl", "soon"], ["--ttl", "0"], ["--ttl", "-5m"], ["--ttl", ""], ["--ttl", "1w"], ["--ttl", "1.5h"],
            ["--metadata", "role"], ["--metadata", "=worker"], ["--metadata", "role="], ["--metadata", "a=b,c"],
            ["--metadata", "..=b"], ["--metadata", "a=b=c"], ["--metadata", "a=b\nc"], ["--metadata", "a=\"b\""],
        ])
    func badOrder(words: [String]) async {
        let api = CannedAPI([:])
        let flags = words[1].hasPrefix("-") ? ["\(words[0])=\(words[1])"] : words
        let error = await refusal(api, ["token", "create", "--kind", "worker"] + flags)
        #expect(error?.code == .usage)
        #expect(api.asked.isEmpty)
    }

    @Test(
        "spans of time are seconds",
        arguments: [("90", 90), ("30s", 30), ("10m", 600), ("1h", 3600), ("7d", 604_800)] as [(String, Int64)])
    func period(text: String, seconds: Int64) throws {
        #expect(try Period.seconds(text) == seconds)
    }

    @Test("tokens are listed as a table or as JSON, and revoked by id")
    func tokens() async throws {
        let token = API.Token(
            id: "0123456789ab", expiresAt: 3_600_000, usesLeft: 2, roles: ["agent", "api"],
            metadata: ["zone": "a", "role": "worker"], createdBy: "user:ada", createdAt: 0)
        let api = CannedAPI([
            "GET /flotilla/v1/tokens": try CannedAPI.json(API.TokenList(tokens: [token])),
            "DELETE /flotilla/v1/tokens/0123456789ab": Self.done,
        ])
        let table = try await api.run("token list").output
        for text in ["0123456789ab", "1970-01-01 01:00:00", "2", "agent,api", "role=worker,zone=a", "user:ada"] {
            #expect(table.contains(text), "\(text) is not in\n\(table)")
        }
        let json = try await api.run("token list --output json").output
        #expect(json.contains(#""expires" : 3600000"#))
        _ = try await api.run("token revoke 0123456789ab")
        #expect(api.asked.last == "DELETE /flotilla/v1/tokens/0123456789ab")
        // A name with path tricks stays one part of the path, and is refused by the API as what it is.
        _ = await refusal(api, ["token", "revoke", "../users/ada"])
        #expect(api.asked.last?.hasPrefix("DELETE /flotilla/v1/tokens/") == true)
        #expect(api.asked.last?.contains("/users") == false)
    }

    @Test("a new user's key stays here and in the profile, which asks for nothing else")
    func userAdd() async throws {
        let authority = try CertificateAuthority(cluster: "lab", now: Date())
        let api = CannedAPI([
            "POST /flotilla/v1/users": try CannedAPI.json(
                API.IssuedCertificate(
                    cluster: "lab", certificate: "CERTIFICATE", authorities: authority.trust.pem,
                    endpoints: ["tls:10.0.0.1:49443"]))
        ])
        // As in 'backup -' and 'profile add -', a stream.
        #expect(try await api.run("user add ada --role operator --out -").output.contains("CERTIFICATE"))
        #expect(!FileManager.default.fileExists(atPath: "-"))
        let captured = try await api.run("user add ada --role operator")
        let profile = try Profile(json: captured.output)
        #expect(profile.name == "lab")
        #expect(profile.cluster == "lab")
        #expect(profile.user == "ada")
        #expect(profile.endpoints == ["tls:10.0.0.1:49443"])
        #expect(profile.certificate == "CERTIFICATE")
        #expect(try TrustBundle(pem: profile.authorities).fingerprints == [authority.fingerprint])
        let order = try api.body(API.UserOrder.self)
        #expect(order.name == "ada")
        #expect(order.role == "operator")
        // What was sent is a request for the very key that the profile holds, and not that key.
        let request = try CertificateRequest(pem: order.request)
        let issued = try authority.issue(request, for: .user("ada"), now: Date())
        _ = try CertificateAuthority(cluster: "lab", certificatePEM: issued, keyPEM: profile.key)
        for line in profile.key.split(separator: "\n") where !line.hasPrefix("-----") {
            #expect(!api.bodies.contains(line))
            #expect(!captured.errors.contains(line))
        }
    }

    @Test("a profile's file is its owner's alone, and the key is not printed besides")
    func userAddToFile() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/flotilla-\(UInt64.random(in: 0 ... .max))"
        try IdentityFile.makeFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let api = CannedAPI([
            "POST /flotilla/v1/users": try CannedAPI.json(
                API.IssuedCertificate(cluster: "lab", certificate: "C", authorities: "A"))
        ])
        let captured = try await api.run("user add ada --role viewer --out \(folder)/ada.json")
        #expect(captured.output.isEmpty)
        // Read as a secret: it would refuse a file that is open to others.
        let profile = try Profile(json: try IdentityFile.read("\(folder)/ada.json", isSecret: true))
        #expect(profile.user == "ada")
        for line in profile.key.split(separator: "\n") { #expect(!captured.errors.contains(line)) }
    }

    @Test("users are listed and revoked, and a refusal is one line")
    func users() async throws {
        let api = CannedAPI([
            "GET /flotilla/v1/users": try CannedAPI.json(
                API.UserList(users: [
                    API.User(name: "ada", role: "admin", createdAt: 0, revokedAt: nil),
                    API.User(name: "old", role: "viewer", createdAt: 0, revokedAt: 60_000),
                ])),
            "DELETE /flotilla/v1/users/ada": Self.done,
            "DELETE /flotilla/v1/users/root": try CannedAPI.refusal(403, "this needs the role admin"),
        ])
        let lines = try await api.run("user list").output.split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        #expect(lines.contains { $0.hasPrefix("ada") && $0.contains("admin") && $0.hasSuffix("-") })
        #expect(lines.contains { $0.hasPrefix("old") && $0.contains("1970-01-01 00:01:00") })
        _ = try await api.run("user revoke ada")
        #expect(api.asked.last == "DELETE /flotilla/v1/users/ada")
        let error = await refusal(api, ["user", "revoke", "root"])
        #expect(error?.code == .refused)
        #expect(error?.message.contains("this needs the role admin") == true)
        #expect(error?.message.contains("\n") == false)
    }

    private func members(_ members: [API.Member]) throws -> CannedAPI {
        CannedAPI([
            "GET /flotilla/v1/identities": try CannedAPI.json(API.MemberList(machines: members)),
            "GET /fleet/v1/machines?all=true": try CannedAPI.json(API.MachinePage(machines: [API.Machine(id: Self.a)])),
            "POST /flotilla/v1/machines/\(Self.a)/revoke": Self.done,
            "POST /flotilla/v1/machines/\(Self.b)/revoke": Self.done,
        ])
    }

    private static let alpha = API.Member(id: a, name: "alpha", roles: ["agent"], joinedAt: 0, revokedAt: nil)
    private static let beta = API.Member(
        id: b, name: "beta", roles: ["agent", "api"], joinedAt: 0, revokedAt: nil, cordoned: true)

    @Test(
        "a machine is revoked by its name, its id or the beginning of it",
        arguments: [("alpha", a), ("beta", b), (a, a), ("a2a2", b), ("A2A2a", b)])
    func machineRevoke(word: String, id: String) async throws {
        let api = try members([Self.alpha, Self.beta])
        _ = try await api.run(["machine", "revoke", word])
        #expect(api.asked.last == "POST /flotilla/v1/machines/\(id)/revoke")
    }

    @Test("no machine is revoked by a word that says none, or two", arguments: ["gamma", "a", "a1", "", "alph", "b"])
    func machineUnclear(word: String) async throws {
        for list in [[Self.alpha, Self.beta], [Self.alpha]] {
            let api = try members(list)
            let error = await refusal(api, ["machine", "revoke", word])
            #expect(error?.code == .unit)
            #expect(!api.asked.contains { $0.hasPrefix("POST") })
        }
    }

    @Test("machines that belong are listed, with short ids unless asked for whole ones")
    func machineList() async throws {
        let api = try members([Self.alpha, Self.beta])
        let short = try await api.run("machine list").output
        #expect(short.contains("alpha") && short.contains("agent,api"))
        #expect(!short.contains(Self.a))
        let marks = try await api.run("machine list --fields name,alive,cordoned --no-legend").output
        #expect(
            marks.split(separator: "\n").map { $0.split(separator: " ") } == [
                ["alpha", "yes", "no"], ["beta", "no", "yes"],
            ])
        #expect(try await api.run("machine list --full").output.contains(Self.a))
        let json = try await api.run("machine list --output json").output
        #expect(json.contains(Self.b) && json.contains("\"alive\" : true") && json.contains("\"alive\" : false"))
    }

    @Test("an audit with nothing in it says so, and one that may be cut says how to get the rest")
    func auditNotes() async throws {
        let event = API.AuditEvent(
            time: 2_500, caller: "user:ada", origin: "10.0.0.9", action: "connect", unit: nil, before: nil, after: nil,
            refusal: nil)
        let none = try CannedAPI.json(API.AuditPage(events: []))
        let api = CannedAPI([
            "GET /flotilla/v1/audit?limit=100": none,
            "GET /flotilla/v1/audit?limit=100&user=nobody&unit=web.service": none,
            "GET /flotilla/v1/audit?limit=100&unit=web%401.service": try CannedAPI.json(
                API.AuditPage(events: [event])),
            "GET /flotilla/v1/audit?limit=2": try CannedAPI.json(API.AuditPage(events: [event, event])),
            "GET /flotilla/v1/audit?limit=3": try CannedAPI.json(API.AuditPage(events: [event, event])),
        ])
        let empty = try await api.run("audit")
        #expect(empty.output.isEmpty && empty.errors == "cluster-manager: there are no entries\n")
        let filtered = try await api.run("audit --unit web --user nobody")
        #expect(filtered.errors == "cluster-manager: there are no entries for --user nobody --unit web\n")
        for name in ["web@1", "web@1.service"] {
            #expect(try await api.run("audit --no-legend --unit \(name)").output.contains("connect"), "\(name)")
        }
        let json = try await api.run("audit --output json")
        #expect(try JSONDecoder().decode([String].self, from: Data(json.output.utf8)).isEmpty && json.errors.isEmpty)
        let cut = try await api.run("audit -n 2")
        #expect(
            cut.errors == "cluster-manager: the newest 2 entries are shown, there may be older ones: "
                + "--number 10000 shows more, --until @3 those before\n")
        #expect(try await api.run("audit -n 3").errors.isEmpty)
    }

    @Test(
        "an audit is filtered by what its table shows",
        arguments: [
            ("root", "user=root&user=unix%3A0"), ("uid 1000", "user=unix%3A1000"), ("unix:0", "user=unix%3A0"),
            ("user:ada", "user=user%3Aada"), ("uid x", "user=uid%20x"),
        ])
    func auditOfShown(word: String, query: String) async throws {
        let target = "GET /flotilla/v1/audit?limit=100&\(query)"
        let api = CannedAPI([target: try CannedAPI.json(API.AuditPage(events: []))])
        _ = try await api.run(["audit", "--user", word])
        #expect(api.asked == [target])
        for caller in ["unix:0", "unix:1000", "user:ada"] {
            #expect(AuditWords.callers(AuditWords.user(caller)).contains(caller))
        }
    }

    @Test("what a stranger wrote into a path does nothing to the terminal of who reads the audit")
    func hostileAudit() async throws {
        let event = API.AuditEvent(
            time: 1_000, caller: "unknown", origin: "10.0.0.9", action: "GET /\u{1B}[2J\u{9B}31m\u{202E}\u{061C}x",
            unit: nil,
            before: nil, after: nil, refusal: "no \u{9D}\u{202E}\u{061C}certificate")
        let api = CannedAPI([
            "GET /flotilla/v1/audit?limit=100": try CannedAPI.json(API.AuditPage(events: [event]))
        ])
        for words in [["audit"], ["audit", "--fields", "action,refused"], ["audit", "--output", "json"]] {
            let output = try await api.run(words).output
            #expect(!output.unicodeScalars.contains(where: Printable.isUnsafe), "\(words)")
            #expect(output.contains("u202e") && output.contains("u061c"), "\(words): \(output)")
        }
    }

    @Test("the audit is asked for what the options say, and shown with refusals")
    func audit() async throws {
        let event = API.AuditEvent(
            time: 1_000, caller: "user:ada", origin: "10.0.0.9", action: "unit.set", unit: "web@1.service",
            before: "inactive", after: "launched", refusal: nil)
        let refused = API.AuditEvent(
            time: 2_000, caller: "-", origin: "10.0.0.8", action: "connect", unit: nil, before: nil, after: nil,
            refusal: "no certificate")
        let page = try CannedAPI.json(API.AuditPage(events: [event, refused]))
        let api = CannedAPI([
            "GET /flotilla/v1/audit?limit=100": page,
            "GET /flotilla/v1/audit?limit=5&user=ada&unit=web%401.service": page,
        ])
        let lines = try await api.run("audit").output.split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        #expect(lines.contains { $0.contains("1970-01-01 00:00:01") && $0.contains("user:ada") })
        #expect(lines.contains { $0.contains("no certificate") && $0.contains("connect") })
        #expect(try await api.run("audit --fields from,refused").output.contains("10.0.0.8  no certificate\n"))
        let json = try await api.run("audit -n 5 --user ada --unit web@1 --output json").output
        #expect(json.contains(#""refusal" : "no certificate""#))
        let none = await refusal(api, ["audit", "-n", "0"])
        #expect(none?.code == .usage)
        let since = await refusal(api, ["audit", "--since", "soon"])
        #expect(since?.code == .usage)
        // A time is taken in the zone in which the table shows it, with its letter and without.
        for time in ["1970-01-01 00:00:01", "1970-01-01 00:00:01Z"] {
            _ = await refusal(api, ["audit", "--since", time, "--until", "1970-01-01 00:00:02"])
            #expect(api.asked.last == "GET /flotilla/v1/audit?limit=100&since=1000&until=2000")
        }
        // Milliseconds, an hour before now.
        let before = Date().timeIntervalSince1970
        _ = await refusal(api, ["audit", "--since", "1h"])
        let target = try #require(api.asked.last)
        let start = try #require(target.split(separator: "since=").last.flatMap { Double($0) })
        #expect(start / 1000 >= (before - 3601) && start / 1000 <= Date().timeIntervalSince1970 - 3599)
    }
}
