// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import HTTPTransport
package import Identity

/// Where the cluster answers and how patient to be with it.
package struct ConnectionSettings: Hashable, Sendable {
    /// The endpoint as the user wrote it.
    package var endpoint: String
    /// How long one request may take.
    package var requestTimeout: Duration
    /// Whom to be at an endpoint with TLS.
    package var profile: Profile?
    /// The same from files, as fleet's flags name them; goes before the profile.
    package var files: TLSFiles?
    /// How old the answers are that were got with these settings.
    package let ages = AnswerAges()

    /// Certificates and key, PEM files.
    package struct TLSFiles: Hashable, Sendable {
        package var authority: String?
        package var certificate: String?
        package var key: String?

        /// - Returns: `nil` when none is named.
        package init?(authority: String?, certificate: String?, key: String?) {
            guard authority != nil || certificate != nil || key != nil else { return nil }
            self.authority = authority
            self.certificate = certificate
            self.key = key
        }
    }

    package static let standardEndpoint = "unix:/run/flotilla/api.sock"
    package static let standardTimeout: Duration = .seconds(30)

    /// Takes the command line's word, else `FLOTILLA_ENDPOINT`, else fleet's `FLEETCTL_ENDPOINT`, else the local agent.
    ///
    /// Of a list, which fleet allows, the first counts, as with fleet.
    package init(endpoint: String?, requestTimeout: Duration?, environment: [String: String]) {
        let named = [endpoint, environment["FLOTILLA_ENDPOINT"], environment["FLEETCTL_ENDPOINT"]]
        let chosen = named.compactMap { $0 }.first { !$0.isEmpty } ?? Self.standardEndpoint
        var first = String(chosen.split(separator: ",").first ?? "")
        // fleet's second spelling of a unix socket.
        if first.hasPrefix("file://") { first = "unix://" + first.dropFirst("file://".count) }
        self.endpoint = first
        self.requestTimeout = requestTimeout ?? Self.standardTimeout
    }

    /// Takes a profile into account: a named one always, the one in use where nothing else says where to ask.
    ///
    /// Order: `--endpoint`; `--profile` or `FLOTILLA_PROFILE`; `FLOTILLA_ENDPOINT` and fleet's variable; the agent of this
    /// machine, if one is here; the profile in use. An endpoint with TLS takes its certificates from the profile all the same.
    ///
    /// - Throws: `ClusterManagerError.usage` for a profile that is not there or cannot be read.
    package static func resolve(
        endpoint: String?, profile named: String?, files: TLSFiles? = nil, requestTimeout: Duration?,
        environment: [String: String]
    ) throws -> ConnectionSettings {
        var settings = ConnectionSettings(
            endpoint: endpoint, requestTimeout: requestTimeout, environment: environment)
        if let files {
            guard (files.certificate == nil) == (files.key == nil) else {
                throw ClusterManagerError(.usage, "--cert-file and --key-file are given together")
            }
            settings.files = files
            return settings
        }
        let store = ProfileStore(environment: environment)
        let name = [named, environment["FLOTILLA_PROFILE"]].compactMap { $0 }.first { !$0.isEmpty }
        let variables = ["FLOTILLA_ENDPOINT", "FLEETCTL_ENDPOINT"].contains { !(environment[$0] ?? "").isEmpty }
        do {
            if let name {
                let profile = try store.profile(name)
                settings.profile = profile
                if endpoint == nil { settings.endpoint = try first(of: profile) }
            } else if let current = store.current {
                let isSilent = endpoint == nil && !variables
                if settings.endpoint.hasPrefix("tls:") || settings.endpoint.hasPrefix("https:") {
                    settings.profile = try store.profile(current)
                } else if isSilent, !IdentityFile.exists("/run/flotilla/api.sock") {
                    let profile = try store.profile(current)
                    settings.profile = profile
                    settings.endpoint = try first(of: profile)
                }
            }
        } catch let error as IdentityError {
            throw ClusterManagerError(.usage, error.message)
        }
        return settings
    }

    /// Whether nothing said where to ask: neither the user nor a profile.
    var isByDefault: Bool { endpoint == Self.standardEndpoint && profile == nil && files == nil }

    /// The same cluster asked anew: at another endpoint of the profile when the one that was chosen is gone.
    func chosenAnew() -> ConnectionSettings {
        guard let profile, profile.endpoints.contains(endpoint), let first = try? Self.first(of: profile) else {
            return self
        }
        var settings = self
        settings.endpoint = first
        return settings
    }

    /// The first endpoint of the profile at which somebody listens; the first of all when nobody does, for the message.
    private static func first(of profile: Profile) throws -> String {
        guard let first = profile.endpoints.first else {
            throw ClusterManagerError(
                .usage, "profile \(profile.name) names no endpoint; say --endpoint tls:ADDRESS:PORT")
        }
        guard profile.endpoints.count > 1 else { return first }
        return profile.endpoints.first { text in
            switch try? APIEndpoint(text) {
            case .tls(let host, let port), .tcp(let host, let port):
                Reachability.answers(host, port, within: connectPatience)
            case .unix(let path): IdentityFile.exists(path)
            case nil: false
            }
        } ?? first
    }

    /// How long each endpoint of a profile may take to let a connection come about, in milliseconds.
    private static let connectPatience: Int32 = 500

    /// What to trust and to show at an endpoint with TLS.
    var tls: TLSSettings? {
        if let files {
            return TLSSettings(
                authorityFile: files.authority, certificateFile: files.certificate, keyFile: files.key)
        }
        return profile.map { TLSSettings(authorities: $0.authorities, certificate: $0.certificate, key: $0.key) }
    }

    /// The endpoint as ssh's port forwarding names it: a socket's path, or `HOST:PORT`.
    ///
    /// - Throws: `ClusterManagerError.usage` for text that names no endpoint.
    package func tunnelTarget() throws -> String {
        do {
            switch try APIEndpoint(endpoint) {
            case .unix(let path): return path
            case .tcp(let host, let port), .tls(let host, let port): return APIEndpoint.authority(host, port)
            }
        } catch {
            throw ClusterManagerError(error)
        }
    }
}
