// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The settings of fleet's daemon: which of ours each one is, or why it is none.
///
/// A setting `etcd_servers` is a line `etcd_servers=...` of `fleet.conf` and the variable `FLEET_ETCD_SERVERS`.
package enum FleetSetting: String, CaseIterable, Sendable {
    case verbosity
    case etcdServers = "etcd_servers"
    case etcdUsername = "etcd_username"
    case etcdPassword = "etcd_password"
    case etcdKeyfile = "etcd_keyfile"
    case etcdCertfile = "etcd_certfile"
    case etcdCafile = "etcd_cafile"
    case etcdKeyPrefix = "etcd_key_prefix"
    case etcdRequestTimeout = "etcd_request_timeout"
    case engineReconcileInterval = "engine_reconcile_interval"
    case publicIP = "public_ip"
    case metadata
    case agentTTL = "agent_ttl"
    case unitsDirectory = "units_directory"
    case systemdUser = "systemd_user"
    case tokenLimit = "token_limit"
    case enableGRPC = "enable_grpc"
    case disableEngine = "disable_engine"
    case disableWatches = "disable_watches"
    case verifyUnits = "verify_units"
    case authorizedKeysFile = "authorized_keys_file"

    package var variable: String { "FLEET_" + rawValue.uppercased() }

    /// What becomes of a value of fleet's.
    package enum Meaning: Hashable, Sendable {
        case ours(SettingKey, String)
        /// Nothing of ours is the same; the words say what takes its place.
        case none(String)
        /// It asks for what is always so.
        case moot
    }

    /// What `text` means to us.
    package func meaning(of text: String) -> Meaning {
        switch self {
        case .etcdServers: return .ours(.etcdEndpoints, Self.list(text).joined(separator: ","))
        case .etcdUsername: return .ours(.etcdUser, text)
        case .etcdKeyfile: return .ours(.etcdKeyFile, text)
        case .etcdCertfile: return .ours(.etcdCertFile, text)
        case .etcdCafile: return .ours(.etcdCAFile, text)
        case .publicIP: return .ours(.publicIP, text)
        case .metadata: return .ours(.metadata, text)
        case .verbosity:
            guard let level = Int(text) else { return .none("it is no number; set log-level") }
            return level > 0 ? .ours(.logLevel, "debug") : .moot
        case .agentTTL:
            guard let seconds = Self.wholeSeconds(text) else {
                return .none("it is no duration of whole seconds; set session-ttl")
            }
            return .ours(.sessionTTL, String(seconds))
        case .systemdUser:
            return Self.isTrue(text) ? .ours(.systemdManager, "user") : .ours(.systemdManager, "system")
        case .disableEngine: return Self.isTrue(text) ? .ours(.roles, "agent,api") : .moot
        case .etcdPassword: return .none("write it to a file that only root may read, and set etcd-password-file")
        case .etcdKeyPrefix: return .none("keys lie below /flotilla/CLUSTER/; set cluster to keep clusters apart")
        case .etcdRequestTimeout: return .none("requests are bounded by session-ttl")
        case .engineReconcileInterval: return .none("the engine acts on events, not at intervals")
        case .unitsDirectory: return .none("unit files lie in the folder units of runtime-directory")
        case .tokenLimit: return text == "100" ? .moot : .none("a page of the API has 100 entries")
        case .enableGRPC: return Self.isTrue(text) ? .none("machines meet in etcd alone") : .moot
        case .disableWatches: return Self.isTrue(text) ? .none("without watching etcd nothing would happen") : .moot
        case .verifyUnits: return Self.isTrue(text) ? .none("unit files are not signed") : .moot
        case .authorizedKeysFile: return .none("unit files are not signed")
        }
    }

    /// fleet's truth, as Go reads it.
    private static func isTrue(_ text: String) -> Bool { ["1", "t", "true"].contains(text.lowercased()) }

    /// A list as JSON writes it, or with commas alone.
    private static func list(_ text: String) -> [String] {
        var text = text[...].trimmed
        if text.first == "[", text.last == "]" { text = text.dropFirst().dropLast() }
        return text.split(separator: ",").compactMap { word in
            let bare = word.filter { $0 != "\"" && $0 != "'" && !$0.isWhitespace }
            return bare.isEmpty ? nil : String(bare)
        }
    }

    /// Seconds of a duration as Go writes it, such as `30s` or `1m30s`; `nil` when it is none, or no whole seconds.
    static func wholeSeconds(_ text: String) -> Int? {
        let units = ["h": 3600, "m": 60, "s": 1]
        var sum = 0
        var digits = ""
        for character in text[...].trimmed {
            if character.isASCII, character.isNumber {
                digits.append(character)
            } else {
                guard let unit = units[String(character)], let count = Int(digits), count <= 1_000_000 else {
                    return nil
                }
                sum += count * unit
                digits = ""
            }
        }
        return digits.isEmpty && sum > 0 ? sum : nil
    }
}
