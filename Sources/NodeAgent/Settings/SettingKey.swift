// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Terminal

/// Every setting of the agent, once: its names, default and meaning serve flags, environment, file, `--check` and the help.
///
/// A setting `etcd-endpoints` is the flag `--etcd-endpoints`, the variable `FLOTILLA_ETCD_ENDPOINTS` and, in the
/// configuration file, a line `FLOTILLA_ETCD_ENDPOINTS=...` or `etcd-endpoints=...`.
package enum SettingKey: String, CaseIterable, Sendable {
    case etcdEndpoints = "etcd-endpoints"
    case etcdUser = "etcd-user"
    case etcdPasswordFile = "etcd-password-file"
    case etcdCAFile = "etcd-ca-file"
    case etcdCertFile = "etcd-cert-file"
    case etcdKeyFile = "etcd-key-file"
    case storeGates = "store-gates"
    case cluster
    case publicIP = "public-ip"
    case metadata
    case apiListen = "api-listen"
    case sessionTTL = "session-ttl"
    case roles
    case machineName = "machine-name"
    case machineIDFile = "machine-id-file"
    case runtimeDirectory = "runtime-directory"
    case systemdManager = "systemd-manager"
    case guardUnit = "guard"
    case logLevel = "log-level"
    case identityDirectory = "identity-directory"
    case authorityDirectory = "authority-directory"
    case auditRetention = "audit-retention"
    case insecure

    package var flag: String { "--" + rawValue }

    /// What the names of all variables begin with; other programs of Flotilla's have theirs beside them.
    static let variablePrefix = "FLOTILLA_"

    /// The page that lists all settings.
    static let listing = "node-agent run --help"

    package var variable: String {
        Self.variablePrefix + String(rawValue.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    package var defaultText: String {
        switch self {
        case .etcdEndpoints: "http://127.0.0.1:2379"
        case .cluster: "default"
        case .apiListen: "unix:/run/flotilla/api.sock"
        case .sessionTTL: "5"
        case .roles: "agent,engine,api"
        case .machineIDFile: "/etc/machine-id"
        case .runtimeDirectory: "/run/flotilla"
        case .systemdManager: "system"
        case .guardUnit: "on"
        case .logLevel: "info"
        case .identityDirectory: "/var/lib/flotilla/identity"
        case .authorityDirectory: "/var/lib/flotilla/authority"
        case .auditRetention: "30"
        case .insecure: "off"
        case .etcdUser, .etcdPasswordFile, .etcdCAFile, .etcdCertFile, .etcdKeyFile, .storeGates, .publicIP, .metadata,
            .machineName:
            ""
        }
    }

    /// What it means and which values it takes, for the help and `--check`.
    package var help: String {
        switch self {
        case .etcdEndpoints: "etcd's client addresses, comma-separated URLs"
        case .etcdUser: "user to log in to etcd with"
        case .etcdPasswordFile: "file that holds that user's password, on one line"
        case .etcdCAFile: "authority that signed etcd's certificates, PEM"
        case .etcdCertFile: "this machine's certificate for etcd, PEM (default: the one that joining brought)"
        case .etcdKeyFile: "the certificate's private key, PEM"
        case .storeGates:
            "managers through which a worker uses etcd, comma-separated tls:ADDRESS:PORT; joining sets it"
        case .cluster: "which cluster this machine belongs to; clusters share an etcd without seeing each other"
        case .publicIP:
            "address at which others reach this machine; must be on one of its interfaces (default: the "
                + "address that leads towards etcd)"
        case .metadata: "labels for MachineMetadata=, such as role=worker,zone=a"
        case .apiListen:
            "where the HTTP API listens: unix:/PATH, tls:ADDRESS:PORT or tcp:ADDRESS:PORT (plain, for /healthz alone), comma-separated"
        case .sessionTTL: "seconds after which a silent machine counts as lost, 2 to 3600"
        case .roles: "what this process does, of agent, engine and api"
        case .machineName: "name shown to people (default: the host name)"
        case .machineIDFile: "file with the machine's id, 32 hexadecimal digits"
        case .runtimeDirectory: "folder for unit files and session state; must not survive a boot"
        case .systemdManager: "system, or user for the systemd of the calling user"
        case .guardUnit: "on, or off to run without the guard that stops units when this agent hangs"
        case .identityDirectory: "folder with this machine's certificate and key, which joining makes"
        case .authorityDirectory: "folder with the cluster's authority, on the machines that have it"
        case .auditRetention: "days for which the audit is kept, 1 to 3650"
        case .insecure: "on lets plain tcp: listen beyond loopback and take everybody for the administrator; or off"
        case .logLevel: "trace, debug, info, notice, warning, error or critical"
        }
    }

    /// The name that was probably meant by one that is no setting's; of a variable another variable.
    static func nearest(to name: String) -> String? {
        let isVariable = name.hasPrefix(variablePrefix)
        let word = String(
            name.dropFirst(isVariable ? variablePrefix.count : 0).lowercased().map { $0 == "_" ? "-" : $0 })
        let best = allCases.min { Spelling.distance(word, $0.rawValue) < Spelling.distance(word, $1.rawValue) }
        guard let best, Spelling.isSlip(word, of: best.rawValue) else { return nil }
        return isVariable ? best.variable : best.rawValue
    }
}
