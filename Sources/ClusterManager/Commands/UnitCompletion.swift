// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FleetCore
import FoundationEssentials
import Identity
import Terminal

/// Completes names of units and machines in the shell by asking the cluster.
enum UnitCompletion {
    /// Longer than this nobody waits at the Tab key.
    private static let patience: Duration = .seconds(1)

    /// The units whose names begin with `prefix`.
    @Sendable static func names(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        await candidates(words, prefix) { try await $0.units().map(\.name.rawValue) }
    }

    /// The machines, by name or by the digits that the tables show.
    @Sendable static func machines(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        await candidates(words, prefix) { fleet in choices(try await fleet.machines(), prefix) }
    }

    /// How machines can be called by somebody who has typed `prefix`; who has typed nothing is offered each of them once.
    static func choices(_ machines: [FleetMachine], _ prefix: String) -> [String] {
        machines.flatMap { machine in
            // Whoever typed more digits than the tables show goes on with the whole id.
            let id = prefix.count > 8 ? machine.id : String(machine.id.prefix(8))
            guard !machine.name.isEmpty else { return [id] }
            return prefix.isEmpty ? [machine.name] : [machine.name, id]
        }
    }

    /// The templates among the units.
    @Sendable static func templates(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        await candidates(words, prefix) { try await $0.units().map(\.name).filter(\.isTemplate).map(\.rawValue) }
    }

    /// Units and machines, for commands that take both.
    @Sendable static func places(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
        async let units = names(words, index, prefix)
        async let machines = machines(words, index, prefix)
        return await units + machines
    }

    /// What of the cluster's answer begins with `prefix`.
    ///
    /// Nothing when it does not answer, for a shell has no place for errors. Through a tunnel nothing is asked: logging in takes too long, and may want a password.
    private static func candidates(
        _ words: [String], _ prefix: String, _ ask: (any FleetService) async throws -> [String]
    ) async -> [String] {
        guard let settings = settings(words), let fleet = try? FleetClientAdapter.connect(settings),
            let found = try? await ask(fleet)
        else { return [] }
        return offered(found, prefix)
    }

    /// The words that begin with `prefix` and do nothing to the terminal on which the shell will write them.
    ///
    /// A machine chooses its name itself.
    static func offered(_ words: [String], _ prefix: String) -> [String] {
        words.filter { $0.hasPrefix(prefix) && Printable.line($0) == $0 }
    }

    /// Where the command line that is being written would ask, and as whom; `nil` through a tunnel.
    private static func settings(_ words: [String]) -> ConnectionSettings? {
        let environment = ProcessInfo.processInfo.environment
        let isTunnelled =
            CompatibleVariables(environment)["TUNNEL"] != nil || words.contains { $0.hasPrefix("--tunnel") }
        guard !isTunnelled else { return nil }
        func value(_ option: String) -> String? {
            if let index = words.lastIndex(of: option), index + 1 < words.count { return words[index + 1] }
            return words.last { $0.hasPrefix(option + "=") }.map { String($0.dropFirst(option.count + 1)) }
        }
        let variables = CompatibleVariables(environment)
        return try? ConnectionSettings.resolve(
            endpoint: value("--endpoint"), profile: value("--profile"),
            files: ConnectionSettings.TLSFiles(
                authority: value("--ca-file") ?? variables["CA_FILE"],
                certificate: value("--cert-file") ?? variables["CERT_FILE"],
                key: value("--key-file") ?? variables["KEY_FILE"]),
            requestTimeout: patience, environment: environment)
    }

    /// The profiles of this user.
    @Sendable static func profiles(_: [String], _: Int, _ prefix: String) async -> [String] {
        offered(ProfileStore(environment: ProcessInfo.processInfo.environment).names, prefix)
    }

    /// Users of the cluster that are not revoked.
    @Sendable static func users(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        guard let settings = settings(words), let client = try? FleetClientAdapter.client(settings),
            let users = try? await client.users()
        else { return [] }
        return offered(users.filter { $0.revokedAt == nil }.map(\.name), prefix)
    }

    /// Whom an audit may tell of: users, those who are revoked among them, and root at a machine's own socket.
    @Sendable static func callers(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        guard let settings = settings(words), let client = try? FleetClientAdapter.client(settings),
            let users = try? await client.users()
        else { return offered(["root"], prefix) }
        return offered(["root"] + users.map(\.name).filter { $0 != "root" }, prefix)
    }

    /// Machines that belong to the cluster, alive or not.
    @Sendable static func members(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        guard let settings = settings(words), let client = try? FleetClientAdapter.client(settings),
            let members = try? await client.members()
        else { return [] }
        return offered(choices(members, prefix), prefix)
    }

    /// How members that are not revoked can be called.
    static func choices(_ members: [API.Member], _ prefix: String) -> [String] {
        let machines = members.filter { $0.revokedAt == nil }
            .map { FleetMachine(id: $0.id, address: "", name: $0.name) }
        return choices(machines, prefix)
    }

    /// Tokens that still admit somebody.
    @Sendable static func tokens(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        guard let settings = settings(words), let client = try? FleetClientAdapter.client(settings),
            let tokens = try? await client.tokens()
        else { return [] }
        return offered(tokens.filter { $0.usesLeft > 0 }.map(\.id), prefix)
    }

    /// The columns of the command's table that are not in the list yet.
    @Sendable static func fields(_ words: [String], _: Int, _ prefix: String) async -> [String] {
        func fields<Row: TableRow>(_: Row.Type) -> [String] { Row.columns.map(\.field) }
        let all =
            switch words.first(where: { !$0.hasPrefix("-") && $0 != words.first }) {
            case "list-units": fields(UnitRow.self)
            case "list-unit-files": fields(UnitFileRow.self)
            case "list-machines": fields(MachineRow.self)
            case "audit": fields(AuditRow.self)
            case "token": fields(TokenRow.self)
            case "user": fields(UserLine.self)
            case "machine": fields(MemberRow.self)
            case "profile": fields(ProfileRow.self)
            case "cluster":
                words.contains("rotate-passwords") ? fields(PasswordRow.self) : fields(StoreMemberRow.self)
            default: [String]()
            }
        let begun = prefix.lastIndex(of: ",").map { String(prefix[...$0]) } ?? ""
        let named = Set(begun.split(separator: ",").map(String.init))
        return all.filter { !named.contains($0) }.map { begun + $0 }.filter { $0.hasPrefix(prefix) }
    }

    /// Units that the cluster knows, and unit files and folders here: for commands that take both.
    @Sendable static func namesAndFiles(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
        await files(prefix) + names(words, index, prefix)
    }

    /// Unit files and folders whose paths begin with `prefix`.
    static func files(_ prefix: String) -> [String] {
        let folder = prefix.lastIndex(of: "/").map { String(prefix[...$0]) } ?? ""
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        return names.sorted().compactMap { name in
            let path = folder + name
            guard !offered([path], prefix).isEmpty, !name.hasPrefix(".") else { return nil }
            var isFolder = false
            _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            if isFolder { return path + "/" }
            return UnitName(unchecked: name).type == nil ? nil : path
        }
    }
}
