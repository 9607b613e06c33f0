// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetAPI
import FleetCore
import HTTPTransport
import Identity

extension AgentSettings {
    /// The same, with what joining brought shown to an etcd that speaks TLS, where no other certificate is set.
    ///
    /// An etcd that asks for none is not shown it: TLS sends a certificate only when it is asked for.
    var showingOwnCertificate: AgentSettings {
        let file = MachineFolder(path: identityDirectory).etcdCredentialsFile
        guard etcd.tls?.certificateFile == nil, etcd.endpoints.allSatisfy({ $0.hasPrefix("https:") }),
            IdentityFile.exists(file)
        else { return self }
        var settings = self
        var tls = etcd.tls ?? TLSSettings()
        tls.certificateFile = file
        tls.keyFile = file
        settings.etcd.tls = tls
        return settings
    }

    /// The same, with etcd asked through the machines of the cluster that do this for others, where some are set.
    ///
    /// etcd's own addresses stay the numbers of its members. The first gate is another for each machine, so that they share the work.
    ///
    /// - Throws: `HostError` on a machine without identity, which no gate lets through.
    func throughGates(as machine: MachineID) throws(HostError) -> AgentSettings {
        guard !storeGates.isEmpty else { return self }
        let folder = MachineFolder(path: identityDirectory)
        guard folder.exists else {
            throw HostError(
                "\(SettingKey.storeGates.rawValue) is set, but this machine has no identity in \(folder.path); let it join: "
                    + "node-agent join --help")
        }
        var urls = storeGates.compactMap { gate -> String? in
            guard case .tls(let host, let port) = gate else { return nil }
            return "https://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
        let turn = machine.rawValue.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % max(urls.count, 1)
        urls = Array(urls[turn...] + urls[..<turn])
        var settings = self
        settings.etcd.gate = GatedStore(
            path: StoreGate.path(for: machine), members: StoreGate.shared(etcd.endpoints))
        settings.etcd.endpoints = urls
        settings.etcd.tls = TLSSettings(
            authorityFile: folder.authoritiesFile, certificateFile: folder.credentialsFile,
            keyFile: folder.credentialsFile)
        return settings
    }
}
