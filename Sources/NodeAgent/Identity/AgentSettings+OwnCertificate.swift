// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
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
}
