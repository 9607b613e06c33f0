// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// All that the command line needs to reach one cluster as one user.
package struct Profile: Codable, Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// Name of the profile, as `--profile` takes it.
    package var name: String
    package var cluster: String
    /// Where to ask, in the forms of `--endpoint`; the first that answers is used.
    package var endpoints: [String]
    package var user: String
    package var authorities: String
    package var certificate: String
    package var key: String

    package init(
        name: String, cluster: String, endpoints: [String], user: String, authorities: String, certificate: String,
        key: String
    ) {
        self.name = name
        self.cluster = cluster
        self.endpoints = endpoints
        self.user = user
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }

    package var description: String { "profile \(name) (\(user) at \(cluster))" }
    package var debugDescription: String { description }
    /// Without the key, which `dump` would show.
    package var customMirror: Mirror { Mirror(self, children: ["name": name, "cluster": cluster, "user": user]) }

    /// - Throws: `.malformed`, without a word of what was read: a profile holds a key.
    package init(json: String) throws(IdentityError) {
        do {
            self = try JSONDecoder().decode(Profile.self, from: Data(json.utf8))
        } catch {
            throw IdentityError(.malformed, "this is no profile; one comes from cluster-manager user add")
        }
        guard Principal.isName(name) else { throw IdentityError(.malformed, "the profile's name is not a name") }
    }

    /// As it is stored and handed on.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
    }
}

/// The profiles of one person, a file each, and which of them is in use.
package struct ProfileStore: Hashable, Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// `FLOTILLA_PROFILES`, else `flotilla/profiles` where the user keeps settings.
    package init(environment: [String: String]) {
        if let named = environment["FLOTILLA_PROFILES"], !named.isEmpty {
            path = named
        } else if let settings = environment["XDG_CONFIG_HOME"], !settings.isEmpty {
            path = settings + "/flotilla/profiles"
        } else {
            path = (environment["HOME"] ?? "/root") + "/.config/flotilla/profiles"
        }
    }

    private var currentFile: String { path + "/current" }

    package func file(of name: String) -> String { "\(path)/\(name).json" }

    /// Keeps a profile; the first one is used from then on.
    ///
    /// - Throws: `.exists` when there is one of that name, unless `replacing`.
    package func store(_ profile: Profile, replacing: Bool = false) throws(IdentityError) {
        guard Principal.isName(profile.name) else {
            throw IdentityError(
                .malformed, "'\(profile.name)' cannot name a profile: use letters, digits, '.', '_' and '-'")
        }
        guard replacing || !IdentityFile.exists(file(of: profile.name)) else {
            throw IdentityError(
                .exists,
                "there is a profile \(profile.name) already; choose another name, or remove \(file(of: profile.name))")
        }
        try IdentityFile.makeFolder(path)
        try IdentityFile.write(profile.json, to: file(of: profile.name), mode: IdentityFile.secretMode)
        if !IdentityFile.exists(currentFile) { try use(profile.name) }
    }

    package func use(_ name: String) throws(IdentityError) {
        _ = try profile(name)
        try IdentityFile.write(name + "\n", to: currentFile, mode: IdentityFile.publicMode)
    }

    /// Forgets a profile; one that is in use is not in use any more.
    ///
    /// - Throws: `.file` when there is none of that name.
    package func remove(_ name: String) throws(IdentityError) {
        guard Principal.isName(name), IdentityFile.exists(file(of: name)) else { throw missing(name) }
        if current == name { IdentityFile.remove(currentFile) }
        IdentityFile.remove(file(of: name))
    }

    private func missing(_ name: String) -> IdentityError {
        let others = names.joined(separator: ", ")
        return IdentityError(
            .file, "there is no profile '\(name)' in \(path)\(others.isEmpty ? "" : "; there are: \(others)")")
    }

    package func profile(_ name: String) throws(IdentityError) -> Profile {
        guard Principal.isName(name), IdentityFile.exists(file(of: name)) else {
            throw missing(name)
        }
        return try Profile(json: try IdentityFile.read(file(of: name), isSecret: true))
    }

    /// The name of the profile in use; `nil` when there is none.
    package var current: String? {
        guard let text = try? IdentityFile.read(currentFile) else { return nil }
        let name = String(text.prefix { !$0.isNewline })
        return name.isEmpty ? nil : name
    }

    /// In order.
    package var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
            .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.filter(Principal.isName).sorted()
    }
}
