// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetAPI
import FleetCore
import HTTPTransport
import Identity
package import Logging
package import Registry

/// The agent's settings, read once at start and checked.
package struct AgentSettings: Sendable {
    package enum Role: String, Hashable, Sendable, CaseIterable {
        case agent
        case engine
        case api
    }

    package var etcd: EtcdConfiguration
    /// The machines with the API through which this one uses etcd; none where it uses etcd itself.
    package var storeGates: [APIEndpoint]
    package var cluster: ClusterName
    /// Empty: the address of the interface that leads towards etcd.
    package var publicIP: String
    package var metadata: [String: String]
    package var apiListen: [APIEndpoint]
    /// Seconds.
    package var sessionTTL: Int
    package var roles: Set<Role>
    package var machineName: String
    package var machineIDFile: String
    package var runtimeDirectory: String
    package var usesUserManager: Bool
    package var isGuarded: Bool
    package var logLevel: Logger.Level
    package var identityDirectory: String
    package var authorityDirectory: String
    /// Days.
    package var auditRetention: Int
    /// Whether plain TCP beyond loopback was asked for.
    package var isInsecure: Bool

    /// - Parameters:
    ///   - sources: The settings' texts.
    ///   - readFile: Reads a file that a setting names; throws words that say why it cannot.
    /// - Throws: The first setting that cannot be used, with where it was set and what it may be.
    package init(
        _ sources: SettingSources, readFile: (String) throws(SettingsError) -> String
    ) throws(SettingsError) {
        func fail(_ key: SettingKey, _ why: String) -> SettingsError {
            SettingsError("\(key.rawValue) (\(sources[key].origin)): \(why)")
        }
        func list(_ key: SettingKey) -> [String] {
            sources[key].text.split(separator: ",").map { String($0.trimmed) }.filter { !$0.isEmpty }
        }

        etcd = EtcdConfiguration(endpoints: list(.etcdEndpoints))
        if let (user, path) = try Self.pair(.etcdUser, .etcdPasswordFile, sources) {
            etcd.user = user
            do {
                etcd.password = PasswordFile.password(in: try readFile(path))
            } catch {
                throw fail(.etcdPasswordFile, error.message)
            }
        }
        let certificate = try Self.pair(.etcdCertFile, .etcdKeyFile, sources)
        let authority = sources[.etcdCAFile].text
        if certificate != nil || !authority.isEmpty {
            etcd.tls = TLSSettings(
                authorityFile: authority.isEmpty ? nil : authority, certificateFile: certificate?.0,
                keyFile: certificate?.1)
        }
        do {
            etcd = try etcd.checked()
        } catch {
            throw fail(.etcdEndpoints, error.message)
        }
        storeGates = []
        for text in list(.storeGates) {
            guard let gate = try? APIEndpoint(text), case .tls = gate else {
                throw fail(.storeGates, "'\(text)' is not of the form tls:ADDRESS:PORT")
            }
            storeGates.append(gate)
        }
        guard let name = ClusterName(sources[.cluster].text) else {
            throw fail(
                .cluster,
                "'\(sources[.cluster].text)' is not made of 1 to 63 lower-case letters, digits and inner hyphens")
        }
        cluster = name
        publicIP = sources[.publicIP].text
        metadata = [:]
        for pair in list(.metadata) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, !parts[1].contains("=") else {
                throw fail(.metadata, "'\(pair)' is not KEY=VALUE with exactly one '='")
            }
            // Of two nobody could say which is meant.
            guard metadata.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw fail(.metadata, "the key '\(parts[0])' is given twice; a machine has one value for each")
            }
        }
        apiListen = []
        for text in list(.apiListen) {
            do {
                apiListen.append(try APIEndpoint(text))
            } catch {
                throw fail(.apiListen, error.message)
            }
        }
        guard let ttl = Int(sources[.sessionTTL].text), (2...3600).contains(ttl) else {
            throw fail(.sessionTTL, "'\(sources[.sessionTTL].text)' is not a number of seconds from 2 to 3600")
        }
        sessionTTL = ttl
        roles = []
        for name in list(.roles) {
            guard let role = Role(rawValue: name) else {
                throw fail(.roles, "'\(name)' is none of agent, engine and api")
            }
            roles.insert(role)
        }
        guard !roles.isEmpty else { throw fail(.roles, "at least one of agent, engine and api is needed") }
        guard storeGates.isEmpty || roles == [.agent] else {
            throw fail(.storeGates, "who has the role engine or api uses etcd itself; leave this setting out")
        }
        guard storeGates.isEmpty || etcd.user == nil else {
            throw fail(
                .storeGates, "who goes through gates has no login at etcd; leave \(SettingKey.etcdUser.rawValue) out")
        }
        machineName = sources[.machineName].text
        machineIDFile = sources[.machineIDFile].text
        runtimeDirectory = sources[.runtimeDirectory].text
        guard runtimeDirectory.hasPrefix("/") else { throw fail(.runtimeDirectory, "must be an absolute path") }
        switch sources[.systemdManager].text {
        case "system": usesUserManager = false
        case "user": usesUserManager = true
        case let other: throw fail(.systemdManager, "'\(other)' is neither system nor user")
        }
        switch sources[.guardUnit].text {
        case "on": isGuarded = true
        case "off": isGuarded = false
        case let other: throw fail(.guardUnit, "'\(other)' is neither on nor off")
        }
        guard let level = Logger.Level(rawValue: sources[.logLevel].text) else {
            throw fail(.logLevel, "'\(sources[.logLevel].text)' is none of \(SettingKey.logLevel.help)")
        }
        logLevel = level
        identityDirectory = sources[.identityDirectory].text
        authorityDirectory = sources[.authorityDirectory].text
        for key in [SettingKey.identityDirectory, .authorityDirectory] where !sources[key].text.hasPrefix("/") {
            throw fail(key, "must be an absolute path")
        }
        guard let days = Int(sources[.auditRetention].text), (1...3650).contains(days) else {
            throw fail(.auditRetention, "'\(sources[.auditRetention].text)' is not a number of days from 1 to 3650")
        }
        auditRetention = days
        switch sources[.insecure].text {
        case "on": isInsecure = true
        case "off": isInsecure = false
        case let other: throw fail(.insecure, "'\(other)' is neither on nor off")
        }
    }

    /// Two settings that are given together or not at all.
    private static func pair(
        _ first: SettingKey, _ second: SettingKey, _ sources: SettingSources
    ) throws(SettingsError) -> (String, String)? {
        let texts = (sources[first].text, sources[second].text)
        guard texts.0.isEmpty == texts.1.isEmpty else {
            let (given, missing) = texts.1.isEmpty ? (first, second) : (second, first)
            throw SettingsError(
                "\(given.rawValue) (\(sources[given].origin)): needs \(missing.rawValue) beside it, which is not set")
        }
        return texts.0.isEmpty ? nil : texts
    }
}
